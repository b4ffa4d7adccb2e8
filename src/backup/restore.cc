#include "backup/restore.h"

#include <algorithm>

#include "backup/vault.h"
#include "ingest/books.h"
#include "journal/parts.h"

namespace waybill::backup {
namespace {

constexpr std::string_view format_file = "FORMAT";

Result<Manifest> choose(const Vault& vault, const RestoreOptions& options) {
  TRY_LET(const auto found, vault.generations());
  if (found.empty()) return fail(Code::not_found, options.from + ": no backup was completed in it");
  const uint64_t wanted = options.generation.value_or(found.back());
  std::string all;
  for (const uint64_t one : found) all += (all.empty() ? "" : ", ") + std::to_string(one);
  if (std::ranges::find(found, wanted) == found.end())
    return fail(Code::not_found,
                options.from + ": there is no generation " + std::to_string(wanted) + ", there are " + all);
  TRY_LET(Manifest manifest, vault.read(wanted));
  if (manifest.data_format != options.data_format)
    return fail(Code::invalid, "the backup is of data format " + std::to_string(manifest.data_format) +
                                   ", this waybill works on " + std::to_string(options.data_format) +
                                   ": restore it with waybill " + manifest.version + ", then upgrade the folder");
  return manifest;
}

Result<void> check_target(const RestoreOptions& options, const Manifest& manifest, Files& files) {
  const auto content = files.list(options.to);
  if (!content && content.error().code != Code::not_found) return std::unexpected(content.error());
  if (content && !content->empty())
    return fail(Code::conflict, options.to + " is not empty: restore into a folder of its own");
  TRY(make_folder_durably(files, options.to));
  TRY_LET(const uint64_t free, files.free_bytes(options.to));
  if (free < manifest.bytes())
    return fail(Code::overloaded, options.to + ": " + std::to_string(manifest.bytes()) + " bytes are to be restored, " +
                                      std::to_string(free) + " are free");
  return {};
}

Result<void> put_back(const Vault& vault, const Entry& entry, const std::string& to, Files& files) {
  const std::string path = join_path(to, entry.path);
  const size_t slash = path.rfind('/');
  TRY(make_folder_durably(files, path.substr(0, slash)));
  const OpenMode mode = entry.path.starts_with("keys/") ? OpenMode::create_private : OpenMode::create;
  TRY_LET(const auto file, files.open(path, mode));
  uint64_t at = 0;
  for (const Part& part : entry.parts) {
    const std::string from = vault.path_of(part);
    TRY_LET(const FileInfo info, files.info(from));
    TRY_LET(const uint32_t crc, copy_bytes(files, {.from = from, .at = 0, .bytes = part.bytes}, *file, at, {}));
    if (crc != part.crc32c || info.size != part.bytes)
      return fail(Code::corrupt, from + ": damaged: its bytes are not those that were backed up (" + entry.path +
                                     "); another generation may be whole");
    at += part.bytes;
  }
  TRY(file->sync());
  return files.sync_folder(path.substr(0, slash));
}

journal::Parts parts_of(const Manifest& manifest) {
  return {.begin = manifest.journal_begin,
          .end = manifest.journal_end,
          .partition = manifest.partition,
          .epochs = journal::Epochs(manifest.epochs),
          .segments = {}};
}

// The number of an epoch is the second in which it began: two restores of one backup share none.
uint32_t next_epoch(const Manifest& manifest, Time now) {
  const auto second = static_cast<uint32_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  return std::max(second, manifest.epochs.empty() ? 1 : manifest.epochs.back().number + 1);
}

// Count and identities of everything below books_end, as the restored journal and the books of what was trimmed have them.
Result<void> check_books(const RestoreOptions& options, const Manifest& manifest, Files& files) {
  TRY_LET(const ingest::Trimmed trimmed, ingest::read_trimmed(files, join_path(options.to, "trimmed")));
  TRY_LET(const auto journal, journal::open_journal_reader(join_path(options.to, "journal"), files));
  store::Sum sum = trimmed.sum;
  TRY_LET(const store::Sum kept,
          ingest::sum_of_journal([&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); },
                                 trimmed.end, manifest.books_end));
  sum += kept;
  if (sum.count != manifest.books_count || to_hex(sum.ids) != manifest.books_ids ||
      journal->end() != manifest.journal_end)
    return fail(Code::corrupt, options.to + ": the books differ from the backup's: the journal has " +
                                   std::to_string(sum.count) + " records, ids " + to_hex(sum.ids) + ", up to offset " +
                                   std::to_string(journal->end()) + ", the backup " +
                                   std::to_string(manifest.books_count) + ", ids " + manifest.books_ids + ", up to " +
                                   std::to_string(manifest.journal_end));
  return {};
}

}  // namespace

Result<Restored> restore(const RestoreOptions& options, Files& files, Clock& clock) {
  TRY_LET(const Vault vault, Vault::open_to_read(options.from, files));
  TRY_LET(Manifest manifest, choose(vault, options));
  TRY(check_target(options, manifest, files));
  for (const Entry& entry : manifest.entries)
    if (entry.path != format_file) TRY(put_back(vault, entry, options.to, files));
  const uint32_t epoch = next_epoch(manifest, clock.now());
  TRY(journal::begin_epoch(files, join_path(options.to, "journal"), parts_of(manifest), epoch, clock.now()));
  TRY(check_books(options, manifest, files));
  return Restored{.manifest = std::move(manifest), .epoch = epoch};
}

Result<void> finish_restore(const RestoreOptions& options, const Restored& restored, Files& files) {
  TRY_LET(const Vault vault, Vault::open_to_read(options.from, files));
  const auto format = std::ranges::find(restored.manifest.entries, format_file, &Entry::path);
  if (format == restored.manifest.entries.end())
    return fail(Code::corrupt, options.from + ": the backup has no FORMAT");
  return put_back(vault, *format, options.to, files);
}

}  // namespace waybill::backup

#include "backup/take.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "backup/vault.h"
#include "journal/parts.h"

namespace waybill::backup {
namespace {

// The files of a data folder beside journal and store, each copied as a whole every time.
constexpr std::string_view plain_files[] = {"FORMAT", "trimmed"};
constexpr std::string_view keys_folder = "keys";  // theirs are private

class Taking {
 public:
  Taking(const Source& source, Vault vault, Files& files, const std::stop_token& stop)
      : source_(source), vault_(std::move(vault)), files_(files), stop_(stop) {}

  Result<Manifest> run(const TakeOptions& options, Clock& clock) {
    TRY_LET(const auto generations, vault_.generations());
    if (!generations.empty()) {
      manifest_.generation = generations.back();
      // One that cannot be read shares nothing; what it names stays all the same.
      if (auto last = vault_.read(generations.back())) before_ = std::move(*last);
    }
    ++manifest_.generation;
    manifest_.made_at = clock.now();
    manifest_.version = source_.version;
    manifest_.data_format = source_.data_format;
    TRY(take_all());
    TRY(vault_.complete(manifest_));
    TRY(vault_.remove_beyond(std::max<uint64_t>(options.keep, 1)));
    return std::move(manifest_);
  }

 private:
  Result<void> take_all() {
    auto untrimmed = source_.keeper.hold_trim();
    for (const std::string_view name : plain_files) TRY(take_plain(std::string(name), Vault::Readable::usual));
    TRY(take_keys());
    TRY(take_books());
    TRY(source_.keeper.flush());
    TRY_LET(const auto live, source_.hold_live_files());
    // What the store has was durable in the journal before, so the journal is asked after it.
    manifest_.journal_end = source_.journal.durable_end();
    TRY(take_journal());
    untrimmed.unlock();
    for (const store::LiveFile& file : live->files()) TRY(take_store_file(file));
    return {};
  }

  // What a generation before has too, byte for byte, is not new.
  void count(const Part& part) {
    if (!vault_.has(part)) manifest_.copied_bytes += part.bytes;
  }

  Result<void> take_plain(const std::string& name, Vault::Readable readable) {
    const std::string path = join_path(source_.folder, name);
    const auto info = files_.info(path);
    if (!info && info.error().code == Code::not_found) return {};
    if (!info) return std::unexpected(info.error());
    TRY_LET(Part part, vault_.take_in({.from = path, .at = 0, .bytes = info->size}, info->name, readable, stop_));
    count(part);
    manifest_.entries.push_back({.path = name, .salt = 0, .parts = {std::move(part)}});
    return {};
  }

  Result<void> take_keys() {
    const auto content = files_.list(join_path(source_.folder, keys_folder));
    if (!content && content.error().code == Code::not_found) return {};
    if (!content) return std::unexpected(content.error());
    for (const FileInfo& file : *content)
      if (!file.folder) TRY(take_plain(join_path(keys_folder, file.name), Vault::Readable::by_owner_only));
    return {};
  }

  // Before the flush: the store's files reach at least as far.
  Result<void> take_books() {
    TRY_LET(const std::vector<store::Ledger> ledgers, source_.store.ledgers());
    store::Sum sum;
    for (const store::Ledger& ledger : ledgers) sum += ledger.total();
    manifest_.books_end = ledgers.empty() ? 0 : ledgers.back().to;
    manifest_.books_count = sum.count;
    manifest_.books_ids = to_hex(sum.ids);
    manifest_.store_watermark = manifest_.books_end;
    return {};
  }

  Result<void> take_journal() {
    const std::string folder = join_path(source_.folder, "journal");
    TRY_LET(const journal::Parts parts, journal::parts_below(files_, folder, manifest_.journal_end));
    manifest_.partition = parts.partition;
    manifest_.epochs = parts.epochs.all();
    manifest_.journal_begin = parts.begin;
    for (const journal::SegmentPart& segment : parts.segments) TRY(take_segment(folder, segment));
    return {};
  }

  // The bytes below a part's end never change: only what is behind the last copy is new.
  Result<void> take_segment(const std::string& folder, const journal::SegmentPart& segment) {
    Entry entry{.path = join_path("journal", segment.name), .salt = segment.salt, .parts = {}};
    uint64_t at = 0;
    const auto known = std::ranges::find(before_.entries, entry.path, &Entry::path);
    if (known != before_.entries.end() && known->salt == segment.salt) {
      for (const Part& part : known->parts) {
        if (at + part.bytes > segment.bytes || !vault_.has(part)) break;
        entry.parts.push_back(part);
        at += part.bytes;
      }
    }
    if (at < segment.bytes) {
      TRY_LET(Part part,
              vault_.take_in({.from = join_path(folder, segment.name), .at = at, .bytes = segment.bytes - at},
                             segment.name, Vault::Readable::usual, stop_));
      count(part);
      entry.parts.push_back(std::move(part));
    }
    manifest_.entries.push_back(std::move(entry));
    return {};
  }

  Result<void> take_store_file(const store::LiveFile& file) {
    Entry entry{.path = join_path("store", file.name), .salt = 0, .parts = {}};
    if (file.content) {
      TRY_LET(entry.parts.emplace_back(), vault_.take_in_text(*file.content, file.name));
      count(entry.parts.back());
      manifest_.entries.push_back(std::move(entry));
      return {};
    }
    if (file.crc32c) {
      const Part same{
          .file = part_name(file.name, file.bytes, *file.crc32c), .bytes = file.bytes, .crc32c = *file.crc32c};
      if (vault_.has(same)) {
        entry.parts.push_back(same);
        manifest_.entries.push_back(std::move(entry));
        return {};
      }
    }
    const std::string path = join_path(join_path(source_.folder, "store"), file.name);
    TRY_LET(Part part,
            vault_.take_in({.from = path, .at = 0, .bytes = file.bytes}, file.name, Vault::Readable::usual, stop_));
    if (file.crc32c && part.crc32c != *file.crc32c)
      return fail(Code::corrupt, path + ": damaged: its checksum is not the one with which it was written");
    count(part);
    entry.parts.push_back(std::move(part));
    manifest_.entries.push_back(std::move(entry));
    return {};
  }

  const Source& source_;
  Vault vault_;
  Files& files_;
  const std::stop_token& stop_;
  Manifest before_;
  Manifest manifest_;
};

}  // namespace

Result<Manifest> take(const Source& source, const TakeOptions& options, Files& files, Clock& clock,
                      const std::stop_token& stop) {
  auto vault = Vault::open_to_write(options.to, files);
  if (!vault) return fail_in("backup to " + options.to, vault.error());
  auto taken = Taking(source, std::move(*vault), files, stop).run(options, clock);
  if (!taken) return fail_in("backup to " + options.to, taken.error());
  return taken;
}

}  // namespace waybill::backup

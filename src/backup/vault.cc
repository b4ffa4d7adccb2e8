#include "backup/vault.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/hash.h"
#include "base/log.h"

namespace waybill::backup {
namespace {

constexpr std::string_view layout_line = "waybill backup 1\n";
constexpr std::string_view new_name = "new.tmp";
constexpr size_t block_bytes = 1 << 20;
constexpr size_t generation_digits = 8;
constexpr std::string_view manifest_extension = ".json";

std::string manifest_name(uint64_t generation) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%08llu", static_cast<unsigned long long>(generation));
  return text.data() + std::string(manifest_extension);
}

std::optional<uint64_t> parse_manifest_name(std::string_view name) {
  if (!name.ends_with(manifest_extension) || name.size() < generation_digits + manifest_extension.size())
    return std::nullopt;
  uint64_t number = 0;
  const char* const end = name.data() + name.size() - manifest_extension.size();
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

Result<void> remove_if_there(Files& files, const std::string& path) {
  auto removed = files.remove(path);
  if (!removed && removed.error().code != Code::not_found) return removed;
  return {};
}

}  // namespace

std::string part_name(const std::string& name, uint64_t bytes, uint32_t crc32c) {
  std::array<char, 32> sum{};
  std::snprintf(sum.data(), sum.size(), "%08x-%llu-", crc32c, static_cast<unsigned long long>(bytes));
  return sum.data() + name;
}

Result<uint32_t> copy_bytes(Files& files, const Copy& copy, File& into, uint64_t into_at, const std::stop_token& stop) {
  TRY_LET(const auto from, files.open(copy.from, OpenMode::read));
  std::vector<std::byte> block(static_cast<size_t>(std::min<uint64_t>(block_bytes, copy.bytes)));
  uint32_t crc = 0;
  for (uint64_t done = 0; done < copy.bytes;) {
    if (stop.stop_requested()) return fail(Code::unavailable, "copy " + copy.from + ": stopped");
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(block.size(), copy.bytes - done));
    TRY_LET(const size_t count, from->read_at(copy.at + done, std::span(block).first(wanted)));
    if (count < wanted)
      return fail(Code::corrupt, "copy " + copy.from + ": it ends at byte " + std::to_string(copy.at + done + count) +
                                     ", expected " + std::to_string(copy.at + copy.bytes));
    crc = crc32c(Bytes(block).first(count), crc);
    TRY(into.write_at(into_at + done, Bytes(block).first(count)));
    done += count;
  }
  return crc;
}

Result<Vault> Vault::open_to_write(const std::string& folder, Files& files) {
  TRY(make_folder_durably(files, folder));
  auto lock = files.lock(join_path(folder, "LOCK"));
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict, folder + ": another backup is being written to it");
  if (!lock) return std::unexpected(lock.error());
  const std::string line_path = join_path(folder, "BACKUP");
  const Result<std::string> line = read_file(files, line_path);
  if (line && *line != layout_line)
    return fail(Code::invalid, line_path + ": expected '" + std::string(layout_line.substr(0, layout_line.size() - 1)) +
                                   "': this is not a backup that this waybill knows");
  if (!line && line.error().code != Code::not_found) return std::unexpected(line.error());
  if (!line) {
    TRY_LET(const auto content, files.list(folder));
    for (const FileInfo& file : content)
      if (file.name != "LOCK" && file.name != "BACKUP.tmp")
        return fail(Code::invalid,
                    folder + " holds '" + file.name + "' but no BACKUP: it is not a backup, choose an empty folder");
    TRY(write_file_atomically(files, line_path, layout_line));
  }
  TRY(make_folder_durably(files, join_path(folder, "files")));
  TRY(make_folder_durably(files, join_path(folder, "generations")));
  Vault vault(folder, files, std::move(*lock));
  TRY(vault.remove_unnamed());
  return vault;
}

Result<Vault> Vault::open_to_read(const std::string& folder, Files& files) {
  const Result<std::string> line = read_file(files, join_path(folder, "BACKUP"));
  if (!line && line.error().code == Code::not_found)
    return fail(Code::not_found, folder + " is not a backup of waybill: there is no BACKUP in it");
  if (!line) return std::unexpected(line.error());
  if (*line != layout_line) return fail(Code::invalid, folder + "/BACKUP: not of a layout that this waybill knows");
  return Vault(folder, files, nullptr);
}

Result<std::vector<uint64_t>> Vault::generations() const {
  TRY_LET(const auto content, files_->list(join_path(folder_, "generations")));
  std::vector<uint64_t> found;
  for (const FileInfo& file : content)
    if (const auto number = parse_manifest_name(file.name)) found.push_back(*number);
  std::ranges::sort(found);
  return found;
}

Result<Manifest> Vault::read(uint64_t generation) const {
  const std::string path = join_path(join_path(folder_, "generations"), manifest_name(generation));
  TRY_LET(const std::string text, read_file(*files_, path));
  return decode_manifest(text, path);
}

std::string Vault::path_of(const Part& part) const { return join_path(join_path(folder_, "files"), part.file); }

bool Vault::has(const Part& part) const {
  if (!named_.contains(part.file)) return false;
  const auto info = files_->info(path_of(part));
  return info && info->size == part.bytes;
}

Result<Part> Vault::take_in(const Copy& copy, const std::string& name, Readable readable, const std::stop_token& stop) {
  const std::string path = join_path(join_path(folder_, "files"), new_name);
  TRY(remove_if_there(*files_, path));
  const OpenMode mode = readable == Readable::by_owner_only ? OpenMode::create_private : OpenMode::create;
  TRY_LET(const auto file, files_->open(path, mode));
  TRY_LET(const uint32_t crc, copy_bytes(*files_, copy, *file, 0, stop));
  TRY(file->sync());
  return name_it(name, copy.bytes, crc);
}

Result<Part> Vault::take_in_text(std::string_view text, const std::string& name) {
  const std::string path = join_path(join_path(folder_, "files"), new_name);
  TRY(remove_if_there(*files_, path));
  TRY_LET(const auto file, files_->open(path, OpenMode::create));
  TRY(file->write_at(0, as_bytes(text)));
  TRY(file->sync());
  return name_it(name, text.size(), crc32c(as_bytes(text)));
}

Result<Part> Vault::name_it(const std::string& name, uint64_t bytes, uint32_t crc32c) {
  Part part{.file = part_name(name, bytes, crc32c), .bytes = bytes, .crc32c = crc32c};
  TRY(files_->rename(join_path(join_path(folder_, "files"), new_name), path_of(part)));
  return part;
}

Result<void> Vault::complete(const Manifest& manifest) {
  TRY(files_->sync_folder(join_path(folder_, "files")));
  TRY(write_file_atomically(*files_, join_path(join_path(folder_, "generations"), manifest_name(manifest.generation)),
                            encode_manifest(manifest)));
  for (const Entry& entry : manifest.entries)
    for (const Part& part : entry.parts) named_.insert(part.file);
  return {};
}

Result<void> Vault::remove_beyond(uint64_t keep) {
  TRY_LET(const std::vector<uint64_t> found, generations());
  const std::string folder = join_path(folder_, "generations");
  for (size_t i = 0; i + keep < found.size(); ++i) TRY(files_->remove(join_path(folder, manifest_name(found[i]))));
  TRY(files_->sync_folder(folder));  // no manifest may come back whose files are gone
  return remove_unnamed();
}

Result<void> Vault::remove_unnamed() {
  TRY_LET(const std::vector<uint64_t> found, generations());
  named_.clear();
  bool all_read = true;
  for (const uint64_t generation : found) {
    const auto manifest = read(generation);
    if (!manifest) {
      log::warning("a generation of the backup cannot be read: no file is removed from it",
                   {{"folder", folder_}, {"generation", generation}, {"why", manifest.error().message}});
      all_read = false;
      continue;
    }
    for (const Entry& entry : manifest->entries)
      for (const Part& part : entry.parts) named_.insert(part.file);
  }
  if (!all_read) return {};
  const std::string folder = join_path(folder_, "files");
  TRY_LET(const auto content, files_->list(folder));
  for (const FileInfo& file : content)
    if (!named_.contains(file.name)) TRY(files_->remove(join_path(folder, file.name)));
  return {};
}

}  // namespace waybill::backup

#include "app/data_folder.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace waybill::app {
namespace {

constexpr const char* to_go_on_alone = "To go on by itself, back it up and restore that: it is another epoch then";

// The format of a folder that is not newer than this program.
Result<int> format_of(const std::string& path, const std::string& line) {
  int format = 0;
  if (std::sscanf(line.c_str(), "waybill data format %d", &format) != 1 || format < 1)
    return fail(Code::invalid,
                path + "/FORMAT: expected 'waybill data format N'; this is not a data folder of waybill");
  if (format > data_format)
    return fail(Code::invalid, path + " is of data format " + std::to_string(format) + ", this waybill knows up to " +
                                   std::to_string(data_format) + ": run the newer waybill that wrote it");
  return format;
}

Result<void> check_format(const std::string& path, const std::string& line) {
  TRY_LET(const int format, format_of(path, line));
  if (format < data_format)
    return fail(Code::invalid, path + " is of data format " + std::to_string(format) + ", this waybill works on " +
                                   std::to_string(data_format) + ": run `waybill upgrade --data " + path + "`");
  return {};
}

std::string format_line() { return "waybill data format " + std::to_string(data_format) + "\n"; }

Result<std::unique_ptr<FileLock>> lock_folder(const std::string& path, Files& files) {
  auto lock = files.lock(join_path(path, "LOCK"));
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict,
                path + " is written by another waybill process: stop that one, or choose another folder with --data");
  return lock;
}

Result<std::string> read_format(const std::string& path, Files& files) {
  Result<std::string> line = read_file(files, join_path(path, "FORMAT"));
  if (!line && line.error().code == Code::not_found)
    return fail(Code::not_found, path + " is not a data folder of waybill: there is no FORMAT in it");
  return line;
}

// "waybill journal 1 id …"
Result<void> write_id(Files& files, const std::string& path, const std::string& of, uint64_t id) {
  constexpr size_t digits_max = 24;
  std::array<char, digits_max> digits{};
  std::snprintf(digits.data(), digits.size(), "%016" PRIx64, id);
  return write_file_atomically(files, path, "waybill " + of + " 1 id " + digits.data() + "\n");
}

Result<uint64_t> read_id(Files& files, const std::string& path, const std::string& of) {
  TRY_LET(const std::string line, read_file(files, path));
  const std::string begin = "waybill " + of + " 1 id ";
  uint64_t id = 0;
  if (!line.starts_with(begin) || std::sscanf(line.c_str() + begin.size(), "%16" SCNx64, &id) != 1)
    return fail(Code::corrupt, path + ": expected '" + begin + "' and 16 hex digits");
  return id;
}

}  // namespace

Result<DataFolder> open_data_folder(const std::string& path, Files& files) {
  TRY(make_folder_durably(files, path));
  TRY_LET(auto lock, lock_folder(path, files));
  const Result<std::string> line = read_file(files, join_path(path, "FORMAT"));
  if (line) {
    TRY(check_format(path, *line));
  } else if (line.error().code != Code::not_found) {
    return std::unexpected(line.error());
  } else {
    TRY_LET(const auto content, files.list(path));
    for (const FileInfo& file : content)
      if (file.name != "LOCK" && file.name != "FORMAT.tmp" && file.name != "keys")
        return fail(Code::invalid, path + " holds '" + file.name +
                                       "' but no FORMAT: it is not a data folder of waybill, choose an empty one");
    TRY(write_format(path, files));
  }
  return DataFolder{.path = path, .lock = std::move(lock)};
}

Result<DataFolder> open_own_folder(const std::string& path, Files& files) {
  TRY_LET(DataFolder folder, open_line_folder(path, files));
  if (files.info(folder.line()))
    return fail(Code::denied,
                path + " is a copy of a broker's line: with broker.keeps = true it goes on with it, and what " +
                    "is to be written goes to the process that serves it. " + to_go_on_alone);
  return folder;
}

Result<DataFolder> open_line_folder(const std::string& path, Files& files) {
  TRY_LET(DataFolder folder, open_data_folder(path, files));
  if (files.info(folder.follows()))
    return fail(Code::denied,
                path + " follows another's journal: `waybill subscribe` goes on with it. " + to_go_on_alone);
  return folder;
}

Result<DataFolder> open_followers_folder(const std::string& path, Origin origin, Files& files) {
  TRY_LET(DataFolder folder, open_data_folder(path, files));
  if (files.info(folder.follows())) return folder;
  if (files.info(folder.line()))
    return fail(Code::denied,
                path + " is a copy of a broker's line, which needs nobody to follow: broker.keeps = true");
  uint64_t id = 0;
  if (const auto segments = files.list(folder.journal()); segments && !segments->empty()) {
    if (origin != Origin::copy)
      return fail(Code::conflict,
                  path + " has records of its own: choose another folder to follow in, or say --copy where it is a " +
                      "copy of the folder that is to be followed");
    const auto known = read_journal_id(files, folder.relay_id());
    if (!known && known.error().code != Code::not_found) return std::unexpected(known.error());
    id = known.value_or(0);
    // A store in a database is the other's: this folder has none yet.
    if (files.info(folder.store_id())) TRY(files.remove(folder.store_id()));
  }
  TRY(write_journal_id(files, folder.follows(), id));
  return folder;
}

Result<void> write_journal_id(Files& files, const std::string& path, uint64_t id) {
  return write_id(files, path, "journal", id);
}
Result<uint64_t> read_journal_id(Files& files, const std::string& path) { return read_id(files, path, "journal"); }

Result<void> write_store_id(Files& files, const std::string& path, uint64_t id) {
  return write_id(files, path, "store", id);
}
Result<uint64_t> read_store_id(Files& files, const std::string& path) {
  TRY_LET(const uint64_t id, read_id(files, path, "store"));
  if (id == 0) return fail(Code::corrupt, path + ": the number of a store is never 0");
  return id;
}

Result<DataFolder> look_into_data_folder(const std::string& path, Files& files) {
  TRY_LET(const std::string line, read_format(path, files));
  TRY(check_format(path, line));
  return DataFolder{.path = path, .lock = nullptr};
}

Result<DataFolder> open_role_folder(const std::string& path, const std::string& role, Files& files) {
  TRY_LET(DataFolder folder, look_into_data_folder(path, files));
  auto lock = files.lock(join_path(path, role + ".LOCK"));
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict, path + ": another waybill process has the role " + role);
  if (!lock) return std::unexpected(lock.error());
  folder.lock = std::move(*lock);
  folder.role = role;
  return folder;
}

Result<OlderFolder> open_older_folder(const std::string& path, Files& files) {
  TRY(read_format(path, files));  // before the lock makes a file
  TRY_LET(auto lock, lock_folder(path, files));
  TRY_LET(const std::string line, read_format(path, files));
  TRY_LET(const int format, format_of(path, line));
  return OlderFolder{.folder = {.path = path, .lock = std::move(lock)}, .format = format};
}

Result<void> write_format(const std::string& path, Files& files) {
  return write_file_atomically(files, join_path(path, "FORMAT"), format_line());
}

}  // namespace waybill::app

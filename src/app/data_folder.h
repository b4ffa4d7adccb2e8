// app/data_folder.h — the folder that holds everything: one writer at a time, of a format that this program knows.
#pragma once

#include <memory>
#include <string>

#include "base/files.h"

namespace waybill::app {

inline constexpr int data_format = 2;  // docs/FORMATS.md, The data folder

// Held by the one process that writes the folder, or by one that has a role of its own beside it.
struct DataFolder {
  std::string path;
  std::unique_ptr<FileLock> lock;
  std::string role{};  // of the latter

  std::string journal() const { return join_path(path, "journal"); }
  std::string store() const { return join_path(path, "store"); }
  std::string notify() const { return join_path(path, "notify"); }
  std::string sources() const { return join_path(path, "sources"); }
  std::string lake() const { return join_path(path, "lake"); }
  std::string erasures() const { return join_path(path, "erasures"); }
  std::string lake_copies() const { return join_path(path, "lake-copies"); }
  std::string query_spill() const { return join_path(path, role.empty() ? "query-spill" : role + "-spill"); }
  std::string store_id() const { return join_path(path, "store.id"); }  // of one in a database: whose it is there
  std::string trimmed() const { return join_path(path, "trimmed"); }
  // Which journal this is to whoever follows it; and, in a folder whose journal is another's, which that is.
  std::string relay_id() const { return join_path(path, "relay.id"); }
  std::string follows() const { return join_path(path, "follows"); }
  std::string relayed() const { return join_path(path, "relayed"); }
  // In a folder whose journal is a copy of a broker's line: how far.
  std::string line() const { return join_path(path, "line"); }
};

// Makes the folder where it is missing. conflict: another process writes it. invalid: it is of another format (the message
// says what to do), or not ours.
Result<DataFolder> open_data_folder(const std::string& path, Files& files);
// The same to write records of one's own. denied: its journal is another's, or a copy of a line.
Result<DataFolder> open_own_folder(const std::string& path, Files& files);
// A folder whose journal is a copy of a line, or becomes one. denied: its journal is another's.
Result<DataFolder> open_line_folder(const std::string& path, Files& files);
// A folder whose journal is another's, which is written from what a broker hands on. conflict: it has records of its own.
// copy: it is a copy of that other's folder, and from now on a follower's.
enum class Origin : uint8_t { own_or_new, copy };
Result<DataFolder> open_followers_folder(const std::string& path, Origin origin, Files& files);

// In such a file of a folder: a number by chance, which one journal has as long as its folder lives. 0: none is known yet.
// not_found: there is no such file.
Result<void> write_journal_id(Files& files, const std::string& path, uint64_t id);
Result<uint64_t> read_journal_id(Files& files, const std::string& path);
// The same of a store in a database; never 0.
Result<void> write_store_id(Files& files, const std::string& path, uint64_t id);
Result<uint64_t> read_store_id(Files& files, const std::string& path);

// For readers, beside a writer or without one. not_found where there is none.
Result<DataFolder> look_into_data_folder(const std::string& path, Files& files);

inline constexpr const char* lake_role = "lake";
inline constexpr const char* transform_role = "transform";
inline constexpr const char* relay_role = "relay";

// For a role beside the process that serves: it may write the lake, and in the folder what is its own. conflict: another process
// has the role.
Result<DataFolder> open_role_folder(const std::string& path, const std::string& role, Files& files);

// For the upgrade: a folder of this format or an older one, held as a writer holds it. not_found where there is none.
struct OlderFolder {
  DataFolder folder;
  int format = 0;
};
Result<OlderFolder> open_older_folder(const std::string& path, Files& files);
// From then on it is of this program's format.
Result<void> write_format(const std::string& path, Files& files);

}  // namespace waybill::app

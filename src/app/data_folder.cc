#include "app/data_folder.h"

#include <cstdio>

namespace waybill::app {
namespace {

Result<void> check_format(const std::string& path, const std::string& line) {
  int format = 0;
  if (std::sscanf(line.c_str(), "waybill data format %d", &format) != 1 || format < 1)
    return fail(Code::invalid,
                path + "/FORMAT: expected 'waybill data format N'; this is not a data folder of waybill");
  if (format > data_format)
    return fail(Code::invalid, path + " is of data format " + std::to_string(format) + ", this waybill knows up to " +
                                   std::to_string(data_format) + ": run the newer waybill that wrote it");
  return {};
}

std::string format_line() { return "waybill data format " + std::to_string(data_format) + "\n"; }

}  // namespace

Result<DataFolder> open_data_folder(const std::string& path, Files& files) {
  TRY(make_folder_durably(files, path));
  auto lock = files.lock(join_path(path, "LOCK"));
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict,
                path + " is written by another waybill process: stop that one, or choose another folder with --data");
  if (!lock) return std::unexpected(lock.error());
  const std::string format_path = join_path(path, "FORMAT");
  const Result<std::string> line = read_file(files, format_path);
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
    TRY(write_file_atomically(files, format_path, format_line()));
  }
  return DataFolder{.path = path, .lock = std::move(*lock)};
}

Result<DataFolder> look_into_data_folder(const std::string& path, Files& files) {
  const Result<std::string> line = read_file(files, join_path(path, "FORMAT"));
  if (!line && line.error().code == Code::not_found)
    return fail(Code::not_found, path + " is not a data folder of waybill: there is no FORMAT in it");
  if (!line) return std::unexpected(line.error());
  TRY(check_format(path, *line));
  return DataFolder{.path = path, .lock = nullptr};
}

}  // namespace waybill::app

// notify/standing_file.h — how far one webhook has been told, as it is kept between starts (docs/FORMATS.md, Webhooks).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/files.h"

namespace waybill::notify {

struct Standing {
  std::string next;  // id of the first event that may not have been told
  bool failed = false;
  std::string why;
  std::chrono::seconds failing{};  // for how long that event has been tried in vain, in whole minutes
  std::chrono::seconds down{};  // for how long no event has got through, in whole minutes

  bool operator==(const Standing&) const = default;
};

// Nothing where there is no file, or none that can be read: the log says so.
std::optional<Standing> read_standing(Files& files, const std::string& path);
Result<void> write_standing(Files& files, const std::string& path, const Standing& standing);

}  // namespace waybill::notify

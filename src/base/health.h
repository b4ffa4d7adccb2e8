// base/health.h — why the process is not ready, told by whoever finds out, read by /readyz.
//
// Threads: all methods from any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/guarded.h"

namespace waybill {

class Health {
 public:
  void bad(const std::string& part, const std::string& reason) {
    reasons_.with([&](auto& reasons) { reasons[part] = reason; });
  }
  void good(const std::string& part) {
    reasons_.with([&](auto& reasons) { reasons.erase(part); });
  }
  std::vector<std::string> reasons() const {
    return reasons_.with([](const auto& reasons) {
      std::vector<std::string> lines;
      for (const auto& [part, reason] : reasons) lines.push_back(part + ": " + reason);
      return lines;
    });
  }

 private:
  Guarded<std::map<std::string, std::string>> reasons_;
};

}  // namespace waybill

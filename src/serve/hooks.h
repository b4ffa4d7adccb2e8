// serve/hooks.h — what the API asks of who tells the webhooks.
//
// Threads: all methods from any thread.
// Failure: not_found where there is no such webhook; invalid says what was expected.
#pragma once

#include <string>
#include <vector>

#include "domain/hook.h"

namespace waybill::serve {

struct Deliveries {
  std::vector<std::string> attempts;  // JSON objects, newest first
  uint64_t next = 0;                  // `before` of the next page; 0 at the end
};

class Webhooks {
 public:
  virtual ~Webhooks() = default;
  virtual Result<void> check_url(const std::string& url) const = 0;
  virtual Result<std::string> secret(const std::string& id) = 0;
  virtual Result<HookStanding> standing(const std::string& id) = 0;
  // `state`: delivered, failed, given_up; empty: any.
  virtual Result<Deliveries> deliveries(const std::string& id, const std::string& state, size_t limit,
                                        uint64_t before) = 0;
  virtual Result<void> replay(const std::string& id, const std::string& from) = 0;
  virtual Result<void> ping(const std::string& id) = 0;
};

}  // namespace waybill::serve

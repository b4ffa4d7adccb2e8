// wire/access_in.h — bodies that speak of credentials: one JSON object, each field known and given at most once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/access.h"
#include "wire/json_in.h"

namespace waybill::wire {

struct AccessInput {
  std::optional<Role> role;
  std::string subject;              // an id; a JSON integer is one too
  std::optional<int64_t> days;
  std::optional<int64_t> hours;
  std::string note;
  std::string name;
  std::string password;
};

// An empty body is an empty object.
std::expected<AccessInput, ItemFailure> read_access_input(std::string_view body);

}  // namespace waybill::wire

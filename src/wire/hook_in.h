// wire/hook_in.h — bodies that speak of webhooks: one JSON object, each field known and given at most once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/hook.h"
#include "wire/json_in.h"

namespace waybill::wire {

struct HookInput {
  std::string url;
  std::optional<EventKinds> events;  // as a list of their names
  std::string note;
  std::string from;  // of a replay
};

// An empty body is an empty object.
std::expected<HookInput, ItemFailure> read_hook_input(std::string_view body);

}  // namespace waybill::wire

// base/position.h — the place of a record in the durable log: given once, at append, and the same for every hop after it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

struct Position {
  uint32_t epoch = 0;  // of the journal: a new one where a folder is restored from a backup
  uint32_t partition = 0;  // one journal is one partition
  uint64_t offset = 0;  // 0, 1, 2 … without gaps

  auto operator<=>(const Position&) const = default;
};

// "1-0-42", as the API shows it. parse_position gives nothing for any other text.
std::string to_string(const Position& position);
std::optional<Position> parse_position(std::string_view text);

}  // namespace waybill

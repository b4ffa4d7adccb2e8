// wire/json_in.h — our own API's bodies to domain values; each bad item by itself, with its field and the reason.
//
// Strict RFC 8259. A known field that is given twice makes its item invalid. Unknown fields are kept in attributes.
// Threads: a parser belongs to one thread at a time; it keeps its buffers from call to call.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/order.h"

namespace waybill::wire {

struct ItemFailure {
  std::string field;   // empty where it is the item as a whole
  std::string reason;  // what was expected there
  std::string raw;     // the item as it came
  bool missing = false;  // JSON was fine, a required field is not there (422 where the item is all there is)

  bool operator==(const ItemFailure&) const = default;
};

// One for each item of the body, in its order.
template <class T>
using Items = std::vector<std::variant<T, ItemFailure>>;

struct InputOptions {
  Duration naive_offset{};     // of timestamps without a zone: local minus UTC
  Time received_at{};          // stamped into what is read
  std::string idempotency_key; // with "#" and the item's number it is the client id of an item without one
};

enum class BodyForm { json, ndjson, csv };  // json: one object or an array

inline constexpr size_t attributes_bytes_max = 16 << 10;  // of one item: more makes it invalid
inline constexpr size_t json_depth_max = 64;
inline constexpr size_t items_max = 100'000;              // of one body: more makes it invalid as a whole

class InputParser {
 public:
  InputParser();
  ~InputParser();

  // Items, or invalid where the body as a whole is not the form it says (the answer is then a 400 and nothing is kept).
  Result<Items<Location>> locations(std::string_view body, BodyForm form, const InputOptions& options);
  Result<Items<OrderCommand>> orders(std::string_view body, BodyForm form, const InputOptions& options);
  // The body of reassign, close, cancel: {deliverer_id?, at?, …} or empty.
  Result<std::variant<OrderCommand, ItemFailure>> order_command(OrderCommand::Kind kind, const OrderId& order,
                                                                std::string_view body, const InputOptions& options);
  // The first system's body: an object, or a JSON string that holds one. order_id is required.
  Result<std::variant<Location, ItemFailure>> first_system(std::string_view body, const InputOptions& options);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

// An id as it stands in a path or a query: text that is a whole number without leading zeros counts as integer.
Result<std::string> checked_id(std::string_view text);

}  // namespace waybill::wire

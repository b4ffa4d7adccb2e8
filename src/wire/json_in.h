// wire/json_in.h — our own API's bodies to domain values; each bad item by itself, with its field and the reason.
//
// Strict RFC 8259; a byte order mark before the body is passed over. A known field that is given twice makes its item invalid;
// null in an optional field is the same as its absence. Unknown fields are kept in attributes as they were sent, numbers of any
// size and half surrogate pairs included. Deeper than json_depth_max (wire/json_text.h): invalid.
// Threads: a parser belongs to one thread at a time; it keeps its buffers from call to call.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/order.h"

namespace waybill::wire {

inline constexpr size_t field_bytes_max = 256;

struct ItemFailure {
  std::string field;  // empty where it is the item as a whole; of a longer one the first field_bytes_max
  std::string reason;  // what was expected there
  std::string raw;  // the item as it came; of a CSV row its JSON object, or its line where it cannot be one
  bool missing = false;  // JSON was fine, a required field is not there (422 where the item is all there is)
  bool denied = false;  // it speaks for another than who sent it (403 where the item is all there is)

  bool operator==(const ItemFailure&) const = default;
};

// One for each item of the body, in its order.
template <class T>
using Items = std::vector<std::variant<T, ItemFailure>>;

// Takes the items of a body one by one, in its order.
template <class T>
class ItemSink {
 public:
  virtual ~ItemSink() = default;
  virtual void take(T& item) = 0;  // it may move from it; the next one is read into the same
  virtual void take(ItemFailure failure) = 0;
};

struct InputOptions {
  Duration naive_offset{};  // of timestamps without a zone: local minus UTC
  Time received_at{};  // stamped into what is read
  std::string idempotency_key;  // with "#" and the item's number, from 0, it is the client id of an item without one
  std::string deliverer;  // whose locations these must be; an item that names none is this deliverer\'s
  bool deliverer_rules = false;  // and one that names another is this deliverer's all the same, instead of being denied
};

enum class BodyForm { json, ndjson, csv };  // json: one object or an array

inline constexpr size_t attributes_bytes_max = 16 << 10;  // of one item: more makes it invalid
inline constexpr size_t item_bytes_max = 256 << 10;  // more makes an item invalid; so much of it is kept in quarantine
inline constexpr size_t text_bytes_max = 4 << 10;  // of a text of ours that is not an id
inline constexpr size_t items_max = 100'000;  // of one body: more makes it invalid as a whole

// thorough: no short way for what is written plainly (wire/plain_location.h), for tests that compare.
enum class Reading { quick, thorough };

class InputParser {
 public:
  explicit InputParser(Reading reading = Reading::quick);
  ~InputParser();

  // Items, or invalid where the body as a whole is not the form it says (the answer is then a 400 and nothing is kept, not
  // even of the items that the sink was given before).
  Result<void> locations(std::string_view body, BodyForm form, const InputOptions& options, ItemSink<Location>& sink);
  Result<void> orders(std::string_view body, BodyForm form, const InputOptions& options, ItemSink<OrderCommand>& sink);
  // All of them together.
  Result<Items<Location>> locations(std::string_view body, BodyForm form, const InputOptions& options);
  Result<Items<OrderCommand>> orders(std::string_view body, BodyForm form, const InputOptions& options);
  // The body of reassign, close, cancel: {deliverer_id?, at?, …} or empty.
  Result<std::variant<OrderCommand, ItemFailure>> order_command(OrderCommand::Kind kind, const OrderId& order,
                                                                std::string_view body, const InputOptions& options);
  // The first system's body: an object, or a JSON string that holds one. order_id is required; numbers may be texts.
  Result<std::variant<Location, ItemFailure>> first_system(std::string_view body, const InputOptions& options);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

// An id as it stands in a path or a query; invalid where no id can be so.
Result<std::string> checked_id(std::string_view text);

}  // namespace waybill::wire

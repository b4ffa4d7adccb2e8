// wire/item_in.h — one JSON object of checked text to one location or order command, field by field.
//
// Threads: a reader belongs to one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/order.h"
#include "wire/json_in.h"
#include "wire/location_fields.h"
#include "wire/time_text.h"

namespace waybill::wire {

enum class NumberForm { json, text_too };  // text_too: "41.5" as well as 41.5

// Single fields: each takes a value as it stands, or remembers why not and gives false.
class FieldReader {
 public:
  FieldReader(Duration naive_offset, NumberForm numbers) : naive_offset_(naive_offset), numbers_(numbers) {}

  bool id(std::string_view field, std::string_view value, std::string& text, bool& integer);
  template <class IdType>
  bool id(std::string_view field, std::string_view value, std::optional<IdType>& into) {
    into.emplace();
    return id(field, value, into->text, into->integer);
  }
  bool number(std::string_view field, std::string_view value, double low, double high, double& into);
  bool number(std::string_view field, std::string_view value, double low, double high, std::optional<double>& into) {
    return number(field, value, low, high, into.emplace());
  }
  bool integer(std::string_view field, std::string_view value, int64_t& into);
  bool time(std::string_view field, std::string_view value, ParsedTime& into);
  bool time(std::string_view field, std::string_view value, std::optional<Time>& into);
  std::optional<ParsedTime> time_of(std::string_view text) const { return parse_time(text, naive_offset_); }
  bool text(std::string_view field, std::string_view value, std::string& into);
  bool state(std::string_view field, std::string_view value, DeliveryState& into);

  // What a member's name means; nothing where it means no text at all.
  std::optional<std::string_view> name(std::string_view literal);
  // A field that is not ours, as it stands; `attributes` is the object that grows.
  bool attribute(std::string_view literal, std::string_view value, std::string& attributes);

  bool refuse(std::string_view field, std::string reason);
  bool missing(std::string_view field);
  bool deny(std::string_view field, std::string reason);
  ItemFailure& failure() { return failure_; }

 private:
  Duration naive_offset_;
  NumberForm numbers_;
  ItemFailure failure_;
  std::string scratch_;
};

enum class LocationNeeds { order_or_deliverer, order };

// One item of a body. `number` is its place in the body, from 0. False: fields.failure() says why, without `raw`.
bool read_location(std::string_view object, LocationNeeds needs, const InputOptions& options, size_t number,
                   FieldReader& fields, Location& into);
// What is left when the fields are read: the token's deliverer, what must be there, received_at, a client id of the request's.
bool complete_location(LocationFieldSet given, LocationNeeds needs, const InputOptions& options, size_t number,
                       FieldReader& fields, Location& into);
// `into.kind` is set; so is `into.order` where the path names it, and is then not needed in the object.
bool read_order(std::string_view object, const InputOptions& options, size_t number, FieldReader& fields,
                OrderCommand& into);

}  // namespace waybill::wire

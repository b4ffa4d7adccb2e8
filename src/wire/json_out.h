// wire/json_out.h — what we answer, as JSON text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "domain/order.h"

namespace waybill::wire {

// A streaming writer; the caller keeps to the grammar. Bytes of a text that are not UTF-8 become U+FFFD. Numbers are the shortest that read back equal; a number that JSON cannot say (NaN) becomes null.
class JsonWriter {
 public:
  JsonWriter();
  ~JsonWriter();
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);
  JsonWriter& number(double value);
  JsonWriter& integer(int64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // a value that is JSON text already
  JsonWriter& members(std::string_view object);  // the members of a JSON object's text, into the open object
  template <class Tag>
  JsonWriter& id(const Id<Tag>& id) {
    return id_text(id.text, id.integer);
  }
  JsonWriter& time(Time value) { return time(value, {}); }
  JsonWriter& time(Time value, TimeForm form);

  std::string take();  // the text so far; the writer is empty then

 private:
  JsonWriter& id_text(const std::string& text, bool integer);
  struct State;
  std::unique_ptr<State> state_;
};

// {order_id, deliverer_id, delivery_state, latitude, longitude, timestamp, speed, …, attributes' own names}: the names of the
// input; fields that were not sent are left out. With a position behind them: position, received_at and, where the fix is ahead
// of our clock, "ahead": true; attributes of these names are left out then.
struct LocationExtras {
  std::string position;  // may be empty
};
void write_location(JsonWriter& writer, const Location& location, const LocationExtras& extras = {});

// The six fields of the first system, null where not known; time as it was sent, without a zone at `naive_offset` where it had none.
void write_first_system(JsonWriter& writer, const Location& location, Duration naive_offset);

}  // namespace waybill::wire

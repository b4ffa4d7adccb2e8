#include "store/document_fields.h"

#include <charconv>

#include "store/rows.h"

namespace waybill::store {
namespace {

using Fields = std::vector<Shown>;

// As it was sent: a number where it was one.
template <class IdType>
void say_id(Fields& into, const char* name, const IdType& id) {
  int64_t number = 0;
  const char* const end = id.text.data() + id.text.size();
  const auto [behind, error] = std::from_chars(id.text.data(), end, number);
  if (id.integer && error == std::errc() && behind == end)
    into.push_back({name, number});
  else
    into.push_back({name, id.text});
}

void say_place(Fields& into, const Location& location) {
  into.push_back({"timestamp", location.fix_time});
  into.push_back({"latitude", location.latitude});
  into.push_back({"longitude", location.longitude});
}

Result<void> say_newest(Fields& into, const NewestRow& newest) {
  if (newest.empty()) return {};
  TRY_LET(const Kept kept, decode_kept(newest.row));
  say_place(into, kept.location);
  return {};
}

Result<Fields> of_location(std::string_view value) {
  TRY_LET(const Kept kept, decode_kept(value));
  const Location& location = kept.location;
  Fields fields;
  if (location.order) say_id(fields, "order_id", *location.order);
  if (location.deliverer) say_id(fields, "deliverer_id", *location.deliverer);
  if (location.state != DeliveryState::none)
    fields.push_back({"delivery_state", std::string(to_string(location.state))});
  say_place(fields, location);
  fields.push_back({"received_at", location.received_at});
  return fields;
}

Result<Fields> of_order(std::string_view key, std::string_view value) {
  TRY_LET(const OrderRow row, decode_order(key, value));
  Fields fields;
  say_id(fields, "order_id", row.order.id);
  if (row.order.deliverer) say_id(fields, "deliverer_id", *row.order.deliverer);
  fields.push_back({"state", std::string(to_string(row.order.state()))});
  TRY(say_newest(fields, row.named));
  fields.push_back({"updated_at", row.order.updated_at});
  return fields;
}

Result<Fields> of_deliverer(std::string_view key, std::string_view value) {
  TRY_LET(const DelivererRow row, decode_deliverer(key, value));
  Fields fields;
  say_id(fields, "deliverer_id", row.id);
  TRY(say_newest(fields, row.newest));
  fields.push_back({"updated_at", row.updated_at});
  return fields;
}

}  // namespace

Result<std::vector<Shown>> shown_of(Table table, std::string_view key, std::string_view value) {
  switch (table) {
    case Table::location: return of_location(value);
    case Table::order: return of_order(key, value);
    case Table::deliverer: return of_deliverer(key, value);
    default: return Fields();
  }
}

}  // namespace waybill::store

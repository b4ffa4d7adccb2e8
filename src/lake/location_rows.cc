#include <s2/s2cell_id.h>
#include <s2/s2latlng.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/table.h"
#include "lake/texts.h"

namespace waybill::lake {
namespace {

constexpr double e7 = 1e7;
constexpr int cell_level = 16;
constexpr int naive_form = 8;  // beside the digits
constexpr int digits_max = 6;

int32_t to_e7(double degrees) {
  constexpr double degrees_max = 200;
  return std::abs(degrees) <= degrees_max ? static_cast<int32_t>(std::llround(degrees * e7)) : 0;
}

std::optional<double> exact(double degrees) {
  const bool same = std::bit_cast<uint64_t>(to_e7(degrees) / e7) == std::bit_cast<uint64_t>(degrees);
  return same ? std::nullopt : std::optional(degrees);
}

template <class IdType>
std::optional<std::string_view> text_of(const std::optional<IdType>& id) {
  return id ? std::optional<std::string_view>(id->text) : std::nullopt;
}

std::optional<std::string_view> unless_empty(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

struct Marks {
  TimeForm fix_form;
  DeliveryState state = DeliveryState::none;
  bool order_is_number = false;
  bool deliverer_is_number = false;
};

struct LocationColumns {
  std::vector<Position> position;
  std::vector<int64_t> received_us;
  std::vector<int64_t> fix_us;
  std::vector<std::optional<int64_t>> sent_us;
  std::vector<double> latitude;
  std::vector<double> longitude;
  std::vector<std::optional<double>> accuracy_m;
  std::vector<std::optional<double>> altitude_m;
  std::vector<std::optional<double>> speed_mps;
  std::vector<std::optional<double>> heading_deg;
  std::vector<Marks> marks;
  Texts order;
  Texts deliverer;
  Texts client;
  Texts attributes;

  void add(const Position& at, const Location& location) {
    position.push_back(at);
    received_us.push_back(to_us(location.received_at));
    fix_us.push_back(to_us(location.fix_time));
    sent_us.push_back(location.sent_at ? std::optional(to_us(*location.sent_at)) : std::nullopt);
    latitude.push_back(location.latitude);
    longitude.push_back(location.longitude);
    accuracy_m.push_back(location.accuracy_m);
    altitude_m.push_back(location.altitude_m);
    speed_mps.push_back(location.speed_mps);
    heading_deg.push_back(location.heading_deg);
    marks.push_back({.fix_form = location.fix_form,
                     .state = location.state,
                     .order_is_number = location.order && location.order->integer,
                     .deliverer_is_number = location.deliverer && location.deliverer->integer});
    order.add(text_of(location.order));
    deliverer.add(text_of(location.deliverer));
    client.add(unless_empty(location.client_id));
    attributes.add(unless_empty(location.attributes));
  }

  bool before(uint32_t row, uint32_t other) const {
    return fix_us[row] != fix_us[other] ? fix_us[row] < fix_us[other] : position[row] < position[other];
  }

  // By row: the place of its scope among all scopes. Deliverers come before orders, as their scopes' first letters do.
  std::vector<uint32_t> scopes() const {
    const std::vector<uint32_t> deliverers = deliverer.ranks();
    std::vector<uint32_t> orders;
    std::vector<uint32_t> scopes(position.size());
    for (uint32_t row = 0; row < scopes.size(); ++row) {
      if (deliverer.code(row) != Texts::none) {
        scopes[row] = deliverers[deliverer.code(row)];
        continue;
      }
      if (orders.empty() && order.different() > 0) orders = order.ranks();
      scopes[row] =
          static_cast<uint32_t>(deliverers.size()) + (order.code(row) == Texts::none ? 0 : 1 + orders[order.code(row)]);
    }
    return scopes;
  }

  // Numbers of rows, as they stand in the file. Counted by scope first: of one scope they mostly came in their order.
  std::vector<uint32_t> sorted() const {
    const std::vector<uint32_t> scope = scopes();
    std::vector<uint32_t> ends(deliverer.different() + order.different() + 2);
    for (const uint32_t of_row : scope) ++ends[of_row + 1];
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    std::vector<uint32_t> order_of_rows(scope.size());
    for (uint32_t row = 0; row < scope.size(); ++row) order_of_rows[ends[scope[row]]++] = row;
    for (size_t i = 0, begin = 0; i + 1 < ends.size(); begin = ends[i++]) {
      const std::span of_scope = std::span(order_of_rows).subspan(begin, ends[i] - begin);
      const auto is_before = [this](uint32_t row, uint32_t other) { return before(row, other); };
      if (!std::ranges::is_sorted(of_scope, is_before)) std::ranges::sort(of_scope, is_before);
    }
    return order_of_rows;
  }
};

struct LocationRow {
  Position position;
  Location location;
};

using Rows = LocationColumns;
using LocationColumn = Column<LocationColumns, LocationRow>;

int64_t days_of(int64_t us) { return std::chrono::floor<std::chrono::days>(at_us(us)).time_since_epoch().count(); }

int64_t cell_of(double latitude, double longitude) {
  return static_cast<int64_t>(S2CellId(S2LatLng::FromDegrees(latitude, longitude)).parent(cell_level).id());
}

template <class IdType>
bool take_id(Cells& from, std::optional<IdType>& id) {
  const auto text = from.next_text();
  id = text ? std::optional<IdType>(std::in_place, std::string(*text)) : std::nullopt;
  return true;
}

// Behind its id's column.
template <class IdType>
bool take_is_number(Cells& from, std::optional<IdType>& id) {
  const bool integer = *from.next_integer() != 0;
  if (id) id->integer = integer;
  return id || !integer;
}

bool take_form(Cells& from, TimeForm& form) {
  const int64_t value = *from.next_integer();
  form = {.digits = static_cast<uint8_t>(value & (naive_form - 1)), .naive = (value & naive_form) != 0};
  return value >= 0 && value < 2 * naive_form && form.digits <= digits_max;
}

bool take_state(Cells& from, DeliveryState& into) {
  const auto text = from.next_text();
  const auto state = text ? parse_delivery_state(*text) : DeliveryState::none;
  into = state.value_or(DeliveryState::none);
  return state.has_value();
}

bool take_text(Cells& from, std::string& into) {
  into.assign(from.next_text().value_or(""));
  return true;
}

template <auto column>
constexpr auto give_column = give<Rows, [](const Rows& rows, uint32_t row) { return (rows.*column)[row]; }>;
template <auto column>
constexpr auto give_texts = give<Rows, [](const Rows& rows, uint32_t row) { return (rows.*column).at(row); }>;
template <auto column>
constexpr auto give_e7 = give<Rows, [](const Rows& rows, uint32_t row) { return to_e7((rows.*column)[row]); }>;
template <auto column>
constexpr auto give_exact = give<Rows, [](const Rows& rows, uint32_t row) { return exact((rows.*column)[row]); }>;

template <std::optional<double> Location::* field>
bool take_real(Cells& from, LocationRow& row) {
  row.location.*field = from.next_real();
  return true;
}
template <double Location::* field>
bool take_e7(Cells& from, LocationRow& row) {
  row.location.*field = static_cast<double>(*from.next_integer()) / e7;
  return true;
}
template <double Location::* field>
bool take_exact(Cells& from, LocationRow& row) {
  row.location.*field = from.next_real().value_or(row.location.*field);
  return true;
}

constexpr auto time_columns = std::to_array<LocationColumn>({
    {.spec = {.name = "received_us", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_column<&Rows::received_us>,
     .take =
         [](Cells& from, LocationRow& row) {
           row.location.received_at = at_us(*from.next_integer());
           return true;
         }},
    {.spec = {.name = "fix_us", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_column<&Rows::fix_us>,
     .take =
         [](Cells& from, LocationRow& row) {
           row.location.fix_time = at_us(*from.next_integer());
           return true;
         }},
    {.spec = {.name = "fix_date", .type = ColumnType::date},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return days_of(rows.fix_us[row]); }>,
     .take = nullptr},
    {.spec = {.name = "fix_form", .type = ColumnType::int32},
     .give = give<Rows,
                  [](const Rows& rows, uint32_t row) {
                    const TimeForm& form = rows.marks[row].fix_form;
                    return form.digits + (form.naive ? naive_form : 0);
                  }>,
     .take = [](Cells& from, LocationRow& row) { return take_form(from, row.location.fix_form); }},
    {.spec = {.name = "sent_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_column<&Rows::sent_us>,
     .take =
         [](Cells& from, LocationRow& row) {
           const auto us = from.next_integer();
           row.location.sent_at = us ? std::optional(at_us(*us)) : std::nullopt;
           return true;
         }},
});

constexpr auto id_columns = std::to_array<LocationColumn>({
    {.spec = {.name = "order_id", .type = ColumnType::text, .nullable = Nullable::yes, .found_by_bloom = true},
     .give = give_texts<&Rows::order>,
     .take = [](Cells& from, LocationRow& row) { return take_id(from, row.location.order); }},
    {.spec = {.name = "deliverer_id", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_texts<&Rows::deliverer>,
     .take = [](Cells& from, LocationRow& row) { return take_id(from, row.location.deliverer); }},
    {.spec = {.name = "order_is_number", .type = ColumnType::boolean},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return rows.marks[row].order_is_number; }>,
     .take = [](Cells& from, LocationRow& row) { return take_is_number(from, row.location.order); }},
    {.spec = {.name = "deliverer_is_number", .type = ColumnType::boolean},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return rows.marks[row].deliverer_is_number; }>,
     .take = [](Cells& from, LocationRow& row) { return take_is_number(from, row.location.deliverer); }},
    {.spec = {.name = "delivery_state", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return unless_empty(to_string(rows.marks[row].state)); }>,
     .take = [](Cells& from, LocationRow& row) { return take_state(from, row.location.state); }},
});

constexpr auto place_columns = std::to_array<LocationColumn>({
    {.spec = {.name = "latitude_e7", .type = ColumnType::int32, .packing = Packing::delta},
     .give = give_e7<&Rows::latitude>,
     .take = take_e7<&Location::latitude>},
    {.spec = {.name = "longitude_e7", .type = ColumnType::int32, .packing = Packing::delta},
     .give = give_e7<&Rows::longitude>,
     .take = take_e7<&Location::longitude>},
    {.spec = {.name = "latitude_exact", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_exact<&Rows::latitude>,
     .take = take_exact<&Location::latitude>},
    {.spec = {.name = "longitude_exact", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_exact<&Rows::longitude>,
     .take = take_exact<&Location::longitude>},
    {.spec = {.name = "cell", .type = ColumnType::int64},
     .give =
         give<Rows, [](const Rows& rows, uint32_t row) { return cell_of(rows.latitude[row], rows.longitude[row]); }>,
     .take = nullptr},
});

constexpr auto other_columns = std::to_array<LocationColumn>({
    {.spec = {.name = "accuracy_m", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_column<&Rows::accuracy_m>,
     .take = take_real<&Location::accuracy_m>},
    {.spec = {.name = "altitude_m", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_column<&Rows::altitude_m>,
     .take = take_real<&Location::altitude_m>},
    {.spec = {.name = "speed_mps", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_column<&Rows::speed_mps>,
     .take = take_real<&Location::speed_mps>},
    {.spec = {.name = "heading_deg", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_column<&Rows::heading_deg>,
     .take = take_real<&Location::heading_deg>},
    {.spec = {.name = "client_id", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_texts<&Rows::client>,
     .take = [](Cells& from, LocationRow& row) { return take_text(from, row.location.client_id); }},
    {.spec = {.name = "attributes", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_texts<&Rows::attributes>,
     .take = [](Cells& from, LocationRow& row) { return take_text(from, row.location.attributes); }},
});

constexpr auto location_columns = joined(
    joined(position_columns<Rows, LocationRow, [](const Rows& rows, uint32_t row) { return rows.position[row]; }>,
           joined(time_columns, id_columns)),
    joined(place_columns, other_columns));

}  // namespace

struct LocationRows::Columns : LocationColumns {};

LocationRows::LocationRows() : columns_(std::make_unique<Columns>()) {}
LocationRows::~LocationRows() = default;

void LocationRows::add(const Position& position, const Location& location) { columns_->add(position, location); }
size_t LocationRows::size() const { return columns_->position.size(); }

Result<std::string> LocationRows::to_parquet() {
  auto file = write_rows<LocationColumns>(table_name(BronzeTable::deliverer_location), location_columns, *columns_,
                                          columns_->sorted());
  *columns_ = {};
  return file;
}

Result<void> read_locations(Bytes file, const std::function<void(const Position&, const Location&)>& row) {
  return read_rows<LocationColumns, LocationRow>(file, table_name(BronzeTable::deliverer_location), location_columns,
                                                 [&](const LocationRow& read) { row(read.position, read.location); });
}

}  // namespace waybill::lake

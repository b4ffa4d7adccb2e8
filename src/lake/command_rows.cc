#include <charconv>
#include <memory>

#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/table.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::lake {
namespace {

struct CommandRow {
  Position position;
  OrderCommand command;
};

using Rows = std::vector<CommandRow>;
using CommandColumn = Column<Rows, CommandRow>;

std::string assignments_json(const std::vector<Assignment>& assignments) {
  wire::JsonWriter json;
  json.begin_array();
  for (const Assignment& assignment : assignments) {
    json.begin_object().key("deliverer_id").id(assignment.deliverer).key("from_us").integer(to_us(assignment.from));
    if (assignment.to) json.key("to_us").integer(to_us(*assignment.to));
    json.end_object();
  }
  return json.end_array().take();
}

std::optional<Time> read_time(std::string_view json) {
  int64_t us = 0;
  const auto end = std::from_chars(json.data(), json.data() + json.size(), us);
  if (end.ec != std::errc() || end.ptr != json.data() + json.size()) return std::nullopt;
  return at_us(us);
}

std::optional<DelivererId> read_deliverer(std::string_view json) {
  if (wire::kind_of(json) == wire::JsonKind::number) return DelivererId(std::string(json), true);
  if (wire::kind_of(json) != wire::JsonKind::string) return std::nullopt;
  std::string scratch;
  const auto text = wire::json_string(json, scratch);
  return text ? std::optional<DelivererId>(std::in_place, std::string(*text)) : std::nullopt;
}

std::optional<Assignment> read_assignment(std::string_view json) {
  if (wire::kind_of(json) != wire::JsonKind::object) return std::nullopt;
  std::optional<DelivererId> deliverer;
  std::optional<Time> from;
  std::optional<Time> to;
  wire::JsonWalk walk(json);
  for (std::string_view name, value; walk.next_member(name, value);) {
    if (name == R"("deliverer_id")") deliverer = read_deliverer(value);
    if (name == R"("from_us")") from = read_time(value);
    if (name == R"("to_us")") {
      to = read_time(value);
      if (!to) return std::nullopt;
    }
  }
  if (!deliverer || !from) return std::nullopt;
  return Assignment{.deliverer = *deliverer, .from = *from, .to = to};
}

bool take_assignments(Cells& from, std::optional<std::vector<Assignment>>& into) {
  const auto text = from.next_text();
  into.reset();
  if (!text) return true;
  const std::string_view json = wire::json_trimmed(*text);
  if (!wire::JsonChecker().check(json) || wire::kind_of(json) != wire::JsonKind::array) return false;
  into.emplace();
  wire::JsonWalk walk(json);
  for (std::string_view element; walk.next_element(element);) {
    const auto assignment = read_assignment(element);
    if (!assignment) return false;
    into->push_back(*assignment);
  }
  return true;
}

bool take_kind(Cells& from, OrderCommand::Kind& into) {
  const std::string_view text = *from.next_text();
  using Kind = OrderCommand::Kind;
  for (const Kind kind : {Kind::put, Kind::reassign, Kind::close, Kind::cancel, Kind::silent})
    if (text == to_string(kind)) return into = kind, true;
  return false;
}

// The destination's columns stand behind each other, the first says whether there is one.
bool take_destination(Cells& from, OrderCommand& command) {
  const auto latitude = from.next_real();
  command.destination = latitude ? std::optional(Destination{.latitude = *latitude, .address = {}}) : std::nullopt;
  return true;
}
bool take_longitude(Cells& from, OrderCommand& command) {
  const auto longitude = from.next_real();
  if (longitude.has_value() != command.destination.has_value()) return false;
  if (longitude) command.destination->longitude = *longitude;
  return true;
}
bool take_address(Cells& from, OrderCommand& command) {
  const auto address = from.next_text();
  if (!address) return true;
  if (!command.destination) return false;
  command.destination->address = *address;
  return true;
}

template <std::optional<Time> OrderCommand::* field>
std::optional<int64_t> us_of(const OrderCommand& command) {
  return command.*field ? std::optional(to_us(*(command.*field))) : std::nullopt;
}
template <std::optional<Time> OrderCommand::* field>
bool take_time(Cells& from, CommandRow& row) {
  const auto us = from.next_integer();
  row.command.*field = us ? std::optional(at_us(*us)) : std::nullopt;
  return true;
}
template <std::string OrderCommand::* field>
std::optional<std::string_view> text_of(const OrderCommand& command) {
  return (command.*field).empty() ? std::nullopt : std::optional<std::string_view>(command.*field);
}
template <std::string OrderCommand::* field>
bool take_text(Cells& from, CommandRow& row) {
  (row.command.*field).assign(from.next_text().value_or(""));
  return true;
}

template <auto get>
constexpr auto give_command = give<Rows, [](const Rows& rows, uint32_t row) { return get(rows[row].command); }>;
template <auto field>
constexpr auto give_destination = give_command<[](const OrderCommand& command) {
  return command.destination ? std::optional((*command.destination).*field) : std::nullopt;
}>;

constexpr auto said_columns = std::to_array<CommandColumn>({
    {.spec = {.name = "received_us", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_command<[](const OrderCommand& command) { return to_us(command.received_at); }>,
     .take =
         [](Cells& from, CommandRow& row) {
           row.command.received_at = at_us(*from.next_integer());
           return true;
         }},
    {.spec = {.name = "kind", .type = ColumnType::text},
     .give = give_command<[](const OrderCommand& command) { return to_string(command.kind); }>,
     .take = [](Cells& from, CommandRow& row) { return take_kind(from, row.command.kind); }},
    {.spec = {.name = "order_id", .type = ColumnType::text, .found_by_bloom = true},
     .give = give_command<[](const OrderCommand& command) -> std::string_view { return command.order.text; }>,
     .take =
         [](Cells& from, CommandRow& row) {
           row.command.order.text.assign(*from.next_text());
           return true;
         }},
    {.spec = {.name = "order_is_number", .type = ColumnType::boolean},
     .give = give_command<[](const OrderCommand& command) { return command.order.integer; }>,
     .take =
         [](Cells& from, CommandRow& row) {
           row.command.order.integer = *from.next_integer() != 0;
           return true;
         }},
    {.spec = {.name = "deliverer_id", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_command<[](const OrderCommand& command) {
       return command.deliverer ? std::optional<std::string_view>(command.deliverer->text) : std::nullopt;
     }>,
     .take =
         [](Cells& from, CommandRow& row) {
           const auto text = from.next_text();
           row.command.deliverer = text ? std::optional(DelivererId(std::string(*text))) : std::nullopt;
           return true;
         }},
    {.spec = {.name = "deliverer_is_number", .type = ColumnType::boolean},
     .give =
         give_command<[](const OrderCommand& command) { return command.deliverer && command.deliverer->integer; }>,
     .take =
         [](Cells& from, CommandRow& row) {
           const bool integer = *from.next_integer() != 0;
           if (row.command.deliverer) row.command.deliverer->integer = integer;
           return row.command.deliverer || !integer;
         }},
});

constexpr auto destination_columns = std::to_array<CommandColumn>({
    {.spec = {.name = "destination_latitude", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_destination<&Destination::latitude>,
     .take = [](Cells& from, CommandRow& row) { return take_destination(from, row.command); }},
    {.spec = {.name = "destination_longitude", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_destination<&Destination::longitude>,
     .take = [](Cells& from, CommandRow& row) { return take_longitude(from, row.command); }},
    {.spec = {.name = "destination_address", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_destination<&Destination::address>,
     .take = [](Cells& from, CommandRow& row) { return take_address(from, row.command); }},
});

constexpr auto other_columns = std::to_array<CommandColumn>({
    {.spec = {.name = "promised_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_command<us_of<&OrderCommand::promised_at>>,
     .take = take_time<&OrderCommand::promised_at>},
    {.spec = {.name = "sequence", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_command<[](const OrderCommand& command) { return command.sequence; }>,
     .take =
         [](Cells& from, CommandRow& row) {
           row.command.sequence = from.next_integer();
           return true;
         }},
    {.spec = {.name = "at_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_command<us_of<&OrderCommand::at>>,
     .take = take_time<&OrderCommand::at>},
    {.spec = {.name = "assignments", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_command<[](const OrderCommand& command) {
       return command.assignments ? std::optional(assignments_json(*command.assignments)) : std::nullopt;
     }>,
     .take = [](Cells& from, CommandRow& row) { return take_assignments(from, row.command.assignments); }},
    {.spec = {.name = "reason", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_command<text_of<&OrderCommand::reason>>,
     .take = take_text<&OrderCommand::reason>},
    {.spec = {.name = "client_id", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_command<text_of<&OrderCommand::client_id>>,
     .take = take_text<&OrderCommand::client_id>},
    {.spec = {.name = "attributes", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_command<text_of<&OrderCommand::attributes>>,
     .take = take_text<&OrderCommand::attributes>},
});

constexpr auto command_columns =
    joined(joined(position_columns<Rows, CommandRow>, said_columns), joined(destination_columns, other_columns));

}  // namespace

struct CommandRows::Columns {
  std::vector<CommandRow> rows;
};

CommandRows::CommandRows() : columns_(std::make_unique<Columns>()) {}
CommandRows::~CommandRows() = default;

void CommandRows::add(const Position& position, const OrderCommand& command) {
  columns_->rows.push_back({position, command});
}
size_t CommandRows::size() const { return columns_->rows.size(); }

Result<std::string> CommandRows::to_parquet() {
  return write_by_position(table_name(BronzeTable::order_command), command_columns, std::exchange(columns_->rows, {}));
}

Result<void> read_commands(Bytes file, const std::function<void(const Position&, const OrderCommand&)>& row) {
  return read_rows<Rows, CommandRow>(file, table_name(BronzeTable::order_command), command_columns,
                                     [&](const CommandRow& read) { row(read.position, read.command); });
}

}  // namespace waybill::lake

#include "lake/order_tables.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/hash.h"
#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/table.h"

namespace waybill::lake {
namespace {

constexpr std::string_view assignment_name = "treated.assignment";
constexpr std::string_view ordered_name = "treated.ordered";
constexpr std::string_view made_of_property = "model.treated.ordered";
constexpr int offset_bits = 53;  // of a position as one number

// An order as its commands say it, and where the first of them stands.
struct Said {
  Order order;
  Position first;
};

struct Given {
  std::string order;
  Assignment assignment;
};

template <class Row>
using Rows = std::vector<Row>;
using GivenColumn = Column<Rows<Given>, Given>;
using SaidColumn = Column<Rows<const Said*>, const Said*>;

// Of a date as date_text() writes it: since 1970, as Parquet has it.
int64_t days_of(const std::string& date) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  std::sscanf(date.c_str(), "%d-%u-%u", &year, &month, &day);
  const std::chrono::sys_days at = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return at.time_since_epoch().count();
}

std::optional<int64_t> us_of(const std::optional<Time>& time) {
  return time ? std::optional(to_us(*time)) : std::nullopt;
}

template <auto get>
constexpr auto give_given = give<Rows<Given>, [](const Rows<Given>& rows, uint32_t row) { return get(rows[row]); }>;
template <auto get>
constexpr auto give_said =
    give<Rows<const Said*>, [](const Rows<const Said*>& rows, uint32_t row) { return get(*rows[row]); }>;
template <auto get>
constexpr auto give_order = give_said<[](const Said& said) { return get(said.order); }>;
template <auto field>
constexpr auto give_destination = give_order<[](const Order& order) {
  return order.destination ? std::optional((*order.destination).*field) : std::nullopt;
}>;

// Without its date, which is the same for all rows of a file, and put before them.
constexpr auto given_columns = std::to_array<GivenColumn>({
    {.spec = {.name = "deliverer_id", .type = ColumnType::text},
     .give = give_given<[](const Given& given) -> std::string_view { return given.assignment.deliverer.text; }>,
     .take = nullptr},
    {.spec = {.name = "order_id", .type = ColumnType::text},
     .give = give_given<[](const Given& given) -> std::string_view { return given.order; }>,
     .take = nullptr},
    {.spec = {.name = "from_us", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_given<[](const Given& given) { return to_us(given.assignment.from); }>,
     .take = nullptr},
    {.spec = {.name = "to_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_given<[](const Given& given) { return us_of(given.assignment.to); }>,
     .take = nullptr},
});

constexpr auto said_columns = std::to_array<SaidColumn>({
    {.spec = {.name = "order_id", .type = ColumnType::text, .found_by_bloom = true},
     .give = give_order<[](const Order& order) -> std::string_view { return order.id.text; }>,
     .take = nullptr},
    {.spec = {.name = "first_command_key", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_said<[](const Said& said) {
       return static_cast<int64_t>(uint64_t{said.first.partition} << offset_bits | said.first.offset);
     }>,
     .take = nullptr},
    {.spec = {.name = "created_us", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give_order<[](const Order& order) { return to_us(order.created_at); }>,
     .take = nullptr},
    {.spec = {.name = "deliverer_id", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_order<[](const Order& order) {
       return order.deliverer ? std::optional<std::string_view>(order.deliverer->text) : std::nullopt;
     }>,
     .take = nullptr},
    {.spec = {.name = "promised_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_order<[](const Order& order) { return us_of(order.promised_at); }>,
     .take = nullptr},
    {.spec = {.name = "sequence", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_order<[](const Order& order) { return order.sequence; }>,
     .take = nullptr},
    {.spec = {.name = "destination_latitude", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_destination<&Destination::latitude>,
     .take = nullptr},
    {.spec = {.name = "destination_longitude", .type = ColumnType::real, .nullable = Nullable::yes},
     .give = give_destination<&Destination::longitude>,
     .take = nullptr},
    {.spec = {.name = "destination_address", .type = ColumnType::text, .nullable = Nullable::yes},
     .give = give_destination<&Destination::address>,
     .take = nullptr},
    {.spec = {.name = "closed_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_order<[](const Order& order) { return us_of(order.closed_at); }>,
     .take = nullptr},
    {.spec = {.name = "cancelled_us", .type = ColumnType::int64, .nullable = Nullable::yes, .packing = Packing::delta},
     .give = give_order<[](const Order& order) { return us_of(order.cancelled_at); }>,
     .take = nullptr},
});

template <class Row, size_t n>
std::vector<ColumnSpec> specs_of(std::string_view date_column, const std::array<Column<Rows<Row>, Row>, n>& columns) {
  std::vector<ColumnSpec> specs = {{.name = date_column, .type = ColumnType::date}};
  for (const auto& column : columns) specs.push_back(column.spec);
  return specs;
}

template <class Row, size_t n>
Result<std::string> written(const OrderTable& table, const std::array<Column<Rows<Row>, Row>, n>& columns,
                            const std::string& date, const Rows<Row>& rows) {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  const int64_t days = days_of(date);
  return write_table(table.name, table.columns, rows.size(), [&](size_t column, size_t from, size_t to, Cells& into) {
    if (column > 0) return columns[column - 1].give(rows, std::span(order).subspan(from, to - from), into);
    for (size_t row = from; row < to; ++row) into.add(days);
  });
}

using Orders = std::unordered_map<std::string, Said>;

Result<Orders> read_orders(const Snapshot& lake, const Objects& objects) {
  std::vector<const DataFile*> files = lake.of_table(table_name(BronzeTable::order_command));
  std::ranges::sort(files, {}, [](const DataFile* file) { return file->from.value_or(Position{}); });
  Orders orders;
  std::set<EventId> seen;  // of commands with an id of their sender
  for (const DataFile* file : files) {
    TRY_LET(const std::string content, objects.get(file->key));
    if (crc32c(as_bytes(content)) != file->crc32c)
      return fail(Code::corrupt, file->key + ": is not what was written: its checksum differs");
    TRY(read_commands(as_bytes(content), [&](const Position& position, const OrderCommand& command) {
      if (command.kind == OrderCommand::Kind::silent) return;  // says nothing of who has it
      if (!command.client_id.empty() && !seen.insert(wire::event_id_of(command)).second) return;
      const auto known = orders.find(command.order.text);
      auto applied = apply(known != orders.end() ? known->second.order : Order{}, command);
      if (!applied) return;  // the store has it in quarantine
      if (known == orders.end())
        orders.emplace(command.order.text, Said{.order = *std::move(applied), .first = position});
      else
        known->second.order = *std::move(applied);
    }));
  }
  return orders;
}

// The dates for which there are locations, as the catalog says it.
std::set<std::string> location_dates(const Snapshot& lake) {
  std::set<std::string> dates;
  for (const DataFile* file : lake.of_table(table_name(BronzeTable::deliverer_location)))
    dates.insert(file->dates.begin(), file->dates.end());
  return dates;
}

template <class Row>
using ByDate = std::map<std::string, Rows<Row>>;

ByDate<Given> given_by_date(const Orders& orders, const std::set<std::string>& dates) {
  ByDate<Given> by_date;
  for (const auto& [id, said] : orders)
    for (const Assignment& assignment : said.order.assignments) {
      const Time last =
          assignment.to ? *assignment.to - Duration(1) : assignment.from + std::chrono::days(open_dates_max - 1);
      const std::string end = date_text(last);
      Assignment before_end =
          assignment;  // a date on which it does not end is the same before and after it is given one
      before_end.to.reset();
      for (auto date = dates.lower_bound(date_text(assignment.from)); date != dates.end() && *date <= end; ++date)
        by_date[*date].push_back({.order = id, .assignment = *date < end ? before_end : assignment});
    }
  for (auto& [date, rows] : by_date)
    std::ranges::sort(rows, {}, [](const Given& row) {
      return std::tie(row.assignment.deliverer.text, row.assignment.from, row.order);
    });
  return by_date;
}

ByDate<const Said*> said_by_date(const Orders& orders) {
  ByDate<const Said*> by_date;
  for (const auto& [id, said] : orders) by_date[date_text(said.order.created_at)].push_back(&said);
  for (auto& [date, rows] : by_date) std::ranges::sort(rows, {}, [](const Said* said) { return said->first; });
  return by_date;
}

// What is put for a table, and what goes for it.
class TableChange {
 public:
  TableChange(const Snapshot& lake, Objects& objects, OrderTable table, Change& change)
      : objects_(objects), table_(std::move(table)), change_(change) {
    for (const DataFile* file : lake.of_table(table_.name)) current_[file->date] = file;
  }

  template <class Row, size_t n>
  Result<void> make(const std::array<Column<Rows<Row>, Row>, n>& columns, const ByDate<Row>& by_date) {
    for (const auto& [date, rows] : by_date) TRY(put(columns, date, rows));
    for (const auto& [date, file] : current_)
      if (!by_date.contains(date) && file->rows > 0) TRY(put(columns, date, Rows<Row>{}));
    return {};
  }

 private:
  template <class Row, size_t n>
  Result<void> put(const std::array<Column<Rows<Row>, Row>, n>& columns, const std::string& date,
                   const Rows<Row>& rows) {
    TRY_LET(const std::string content, written(table_, columns, date, rows));
    DataFile file{.table = table_.name,
                  .date = date,
                  .rows = rows.size(),
                  .bytes = content.size(),
                  .crc32c = crc32c(as_bytes(content))};
    if (const auto found = current_.find(date); found != current_.end()) {
      const DataFile& before = *found->second;
      if (before.crc32c == file.crc32c && before.bytes == file.bytes) return {};
      change_.remove.push_back(before.key);
    }
    file.key = "treated/" + table_.name.substr(table_.name.find('.') + 1) + "/date=" + date + "/part-" +
               std::to_string(change_.claim) + ".parquet";
    TRY(put_unnamed(objects_, file.key, as_bytes(content)));
    change_.add.push_back(std::move(file));
    return {};
  }

  Objects& objects_;
  OrderTable table_;
  Change& change_;
  std::map<std::string, const DataFile*> current_;
};

// Of what both tables are made: the same text, and they are as they were.
std::string made_of(const Snapshot& lake, const std::set<std::string>& dates) {
  std::string all = "layout 2\n";
  for (const DataFile* file : lake.of_table(table_name(BronzeTable::order_command))) all += file->key + '\n';
  for (const std::string& date : dates) all += date + '\n';
  return std::to_string(crc32c(as_bytes(all)));
}

// What the property says: of what they were made, and in which version of the lake that was.
struct LastMade {
  std::string of;
  uint64_t version = 0;
};
LastMade last_made(const Snapshot& lake) {
  const auto found = lake.properties.find(std::string(made_of_property));
  if (found == lake.properties.end()) return {};
  const std::string& text = found->second;
  const size_t space = std::min(text.find(' '), text.size());
  LastMade made{.of = text.substr(0, space)};
  std::from_chars(text.data() + std::min(space + 1, text.size()), text.data() + text.size(), made.version);
  return made;
}

}  // namespace

bool order_tables_are_of(const Snapshot& lake, uint64_t version) {
  const LastMade last = last_made(lake);
  return last.version >= version || last.of == made_of(lake, location_dates(lake));
}

std::vector<OrderTable> order_tables() {
  return {{.name = std::string(assignment_name), .columns = specs_of("fix_date", given_columns)},
          {.name = std::string(ordered_name), .columns = specs_of("ordered_date", said_columns)}};
}

Result<std::optional<Change>> make_order_tables(const Snapshot& lake, Objects& objects, const std::string& role,
                                                uint64_t claim) {
  const std::set<std::string> dates = location_dates(lake);
  const std::string of = made_of(lake, dates);
  if (last_made(lake).of == of) return std::nullopt;
  Change change{.role = role, .claim = claim, .what = "transform treated.assignment, treated.ordered"};
  change.set[std::string(made_of_property)] = of + ' ' + std::to_string(lake.version);
  TRY_LET(const Orders orders, read_orders(lake, objects));
  const std::vector<OrderTable> tables = order_tables();
  TRY(TableChange(lake, objects, tables[0], change).make(given_columns, given_by_date(orders, dates)));
  TRY(TableChange(lake, objects, tables[1], change).make(said_columns, said_by_date(orders)));
  return change;
}

}  // namespace waybill::lake

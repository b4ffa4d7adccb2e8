#include "lake/bronze_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

#include "base/random.h"
#include "lake/layout.h"
#include "lake/table.h"
#include "wire/samples.h"

namespace waybill::lake {
namespace {

using wire::Quarantined;

bool same_bits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

// An id's == does not look at whether it was a number, a double's not at the sign of zero.
template <class IdType>
bool same_form(const std::optional<IdType>& a, const std::optional<IdType>& b) {
  return a.has_value() == b.has_value() && (!a || a->integer == b->integer);
}

void expect_same(const Location& read, const Location& given) {
  EXPECT_EQ(read, given);
  EXPECT_TRUE(same_form(read.order, given.order));
  EXPECT_TRUE(same_form(read.deliverer, given.deliverer));
  EXPECT_TRUE(same_bits(read.latitude, given.latitude)) << given.latitude;
  EXPECT_TRUE(same_bits(read.longitude, given.longitude)) << given.longitude;
}

void expect_same(const OrderCommand& read, const OrderCommand& given) {
  EXPECT_EQ(read, given);
  EXPECT_EQ(read.order.integer, given.order.integer);
  EXPECT_TRUE(same_form(read.deliverer, given.deliverer));
  if (!given.assignments) return;
  for (size_t i = 0; i < given.assignments->size(); ++i)
    EXPECT_EQ(read.assignments->at(i).deliverer.integer, given.assignments->at(i).deliverer.integer);
}

// Of the years 0 … 9999: what an old phone thinks, and what nobody should.
Time any_time(Random& random) {
  constexpr int64_t first_us = -62'167'219'200'000'000;
  constexpr int64_t last_us = 253'402'300'799'999'999;
  switch (random.below(6)) {
    case 0: return at_us(first_us);
    case 1: return at_us(last_us);
    case 2: return at_us(first_us + static_cast<int64_t>(random.below(last_us - first_us)));
    default: return wire::sample_time(random);
  }
}

double any_degrees(Random& random, double limit) {
  switch (random.below(8)) {
    case 0: return -0.0;
    case 1: return limit;
    case 2: return -limit;
    case 3: return std::numeric_limits<double>::denorm_min();
    default: return wire::sample_number(random, -limit, limit);
  }
}

Location any_location(Random& random) {
  Location location = wire::sample_location(random);
  location.latitude = any_degrees(random, 90);
  location.longitude = any_degrees(random, 180);
  location.fix_time = any_time(random);
  location.received_at = any_time(random);
  if (location.sent_at) location.sent_at = any_time(random);
  if (random.chance(0.05)) location.attributes = "{\"" + wire::sample_text(random, 15'000) + "\":\"\\ud800\"}";
  return location;
}

OrderCommand any_command(Random& random) {
  OrderCommand command = wire::sample_command(random);
  command.received_at = any_time(random);
  if (command.at) command.at = any_time(random);
  if (command.assignments)
    for (Assignment& assignment : *command.assignments) assignment.from = any_time(random);
  return command;
}

Position any_position(Random& random, uint64_t offset) {
  return {.epoch = random.chance(0.1) ? UINT32_MAX : 1,
          .partition = random.chance(0.1) ? UINT32_MAX : 0,
          .offset = random.chance(0.01) ? UINT64_MAX - offset : offset};
}

std::string location_file(const std::map<Position, Location>& locations) {
  LocationRows rows;
  for (const auto& [position, location] : locations) rows.add(position, location);
  EXPECT_EQ(rows.size(), locations.size());
  return rows.to_parquet().value();
}

std::string quarantine_file(const Quarantined& item) {
  QuarantineRows rows;
  rows.add({.epoch = 1}, {.high = 1, .low = 2}, item);
  return rows.to_parquet().value();
}

Result<void> read_each(std::string_view file) {
  if (auto read = read_quarantine(as_bytes(file), [](const Position&, const EventId&, const Quarantined&) {}); !read)
    return read;
  return {};
}

// A file with these columns only: one cell each, of a value that a column of its type can have.
std::string file_of(std::string_view table, std::span<const ColumnSpec> columns) {
  return write_table(table, columns, 1,
                     [&](size_t column, size_t, size_t, Cells& into) {
                       switch (columns[column].type) {
                         case ColumnType::real: return into.add(1.0);
                         case ColumnType::text:
                         case ColumnType::bytes: return into.add(std::string_view("text"));
                         case ColumnType::hash: return into.add(std::string_view("0123456789abcdef"));
                         default: return into.add(1);
                       }
                     })
      .value();
}

const std::vector<ColumnSpec> quarantine_specs = {{.name = "journal_epoch", .type = ColumnType::int64},
                                                  {.name = "journal_partition", .type = ColumnType::int32},
                                                  {.name = "journal_offset", .type = ColumnType::int64},
                                                  {.name = "received_us", .type = ColumnType::int64},
                                                  {.name = "identity", .type = ColumnType::hash},
                                                  {.name = "source", .type = ColumnType::text},
                                                  {.name = "field", .type = ColumnType::text},
                                                  {.name = "reason", .type = ColumnType::text},
                                                  {.name = "raw", .type = ColumnType::bytes}};

TEST(BronzeRows, every_field_of_a_location_comes_back_as_it_was) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::map<Position, Location> locations;
  for (uint64_t offset = 0; offset < 10'000; ++offset)
    locations.emplace(any_position(random, offset), any_location(random));
  size_t count = 0;
  const auto read =
      read_locations(as_bytes(location_file(locations)), [&](const Position& at, const Location& location) {
        ++count;
        ASSERT_TRUE(locations.contains(at));
        expect_same(location, locations.at(at));
      });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(count, locations.size());
}

TEST(BronzeRows, every_field_of_a_command_comes_back_as_it_was) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::map<Position, OrderCommand> commands;
  CommandRows rows;
  for (uint64_t offset = 5000; offset-- > 0;) {
    const Position at = any_position(random, offset);
    if (const auto [place, is_new] = commands.emplace(at, any_command(random)); is_new) rows.add(at, place->second);
  }
  EXPECT_EQ(rows.size(), commands.size());
  auto next = commands.begin();
  const auto read =
      read_commands(as_bytes(rows.to_parquet().value()), [&](const Position& at, const OrderCommand& command) {
        ASSERT_NE(next, commands.end());
        EXPECT_EQ(at, next->first);
        expect_same(command, next++->second);
      });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(next, commands.end());
}

TEST(BronzeRows, quarantined_bytes_come_back_as_they_were) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  std::vector<std::pair<EventId, Quarantined>> items;
  QuarantineRows rows;
  for (uint64_t offset = 0; offset < 5000; ++offset) {
    items.emplace_back(EventId{.high = random.next(), .low = random.next()}, wire::sample_quarantined(random));
    rows.add({.epoch = 1, .offset = offset}, items.back().first, items.back().second);
  }
  size_t count = 0;
  const auto read = read_quarantine(as_bytes(rows.to_parquet().value()),
                                    [&](const Position& at, const EventId& id, const Quarantined& item) {
                                      ASSERT_EQ(at.offset, count);
                                      EXPECT_EQ(id, items[count].first);
                                      EXPECT_EQ(item, items[count++].second);
                                    });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(count, items.size());
}

TEST(BronzeRows, a_field_name_that_was_cut_within_a_character_comes_back_as_it_was) {
  const Quarantined given{.source = "locations", .field = "caf\xc3", .reason = "is not known here", .raw = "{}"};
  const auto read =
      read_quarantine(as_bytes(quarantine_file(given)),
                      [&](const Position&, const EventId&, const Quarantined& item) { EXPECT_EQ(item, given); });
  ASSERT_TRUE(read) << read.error().message;
}

TEST(BronzeRows, a_file_has_locations_by_deliverer_then_order_then_fix_then_position) {
  const auto location = [](std::optional<std::string> deliverer, std::optional<std::string> order, int64_t fix_us) {
    Location made{.fix_time = at_us(fix_us)};
    if (deliverer) made.deliverer = DelivererId(*deliverer);
    if (order) made.order = OrderId(*order);
    return made;
  };
  LocationRows rows;
  uint64_t offset = 0;
  for (const Location& each : {location({}, "a", 1), location("b", "z", 2), location("b", "y", 1),
                               location("a", "x", 9), location({}, "A", 5), location("b", {}, 2), location("é", {}, 0)})
    rows.add({.epoch = 1, .offset = offset++}, each);
  std::vector<uint64_t> offsets;
  ASSERT_TRUE(read_locations(as_bytes(rows.to_parquet().value()),
                             [&](const Position& at, const Location&) { offsets.push_back(at.offset); }));
  EXPECT_EQ(offsets, (std::vector<uint64_t>{3, 2, 1, 5, 6, 4, 0}));
}

TEST(BronzeRows, rows_are_gone_once_they_are_a_file) {
  LocationRows rows;
  rows.add({}, {.deliverer = DelivererId("d")});
  ASSERT_TRUE(rows.to_parquet());
  EXPECT_EQ(rows.size(), 0U);
  size_t count = 0;
  ASSERT_TRUE(read_locations(as_bytes(rows.to_parquet().value()), [&](const Position&, const Location&) { ++count; }));
  EXPECT_EQ(count, 0U);
}

TEST(BronzeRows, more_rows_than_a_group_has_are_all_there) {
  LocationRows rows;
  constexpr uint64_t count = 1'000'001;
  const Location location{.deliverer = DelivererId("d")};
  for (uint64_t offset = 0; offset < count; ++offset) rows.add({.epoch = 1, .offset = offset}, location);
  uint64_t next = 0;
  ASSERT_TRUE(read_locations(as_bytes(rows.to_parquet().value()),
                             [&](const Position& at, const Location&) { next += at.offset == next ? 1 : 0; }));
  EXPECT_EQ(next, count);
}

TEST(BronzeRows, a_file_that_was_cut_anywhere_is_corrupt) {
  const std::string file = quarantine_file({.source = "locations", .raw = "{}"});
  for (size_t bytes = 0; bytes < file.size(); ++bytes) {
    const auto read = read_each(file.substr(0, bytes));
    ASSERT_FALSE(read) << bytes;
    EXPECT_EQ(read.error().code, Code::corrupt);
  }
}

TEST(BronzeRows, a_bit_that_flipped_in_a_page_is_found_by_its_checksum) {
  Random random(1);
  std::string raw;
  while (raw.size() < 1000) raw += static_cast<char>(random.next());
  const std::string file = quarantine_file({.source = "locations", .raw = raw});
  const size_t place = file.find(raw.substr(100, 800));  // it cannot be packed, so it stands there
  ASSERT_NE(place, std::string::npos);
  for (size_t i = 0; i < 800; i += 7) {
    std::string flipped = file;
    flipped[place + i] = static_cast<char>(flipped[place + i] ^ 1 << i % 8);
    const auto read = read_each(flipped);
    ASSERT_FALSE(read) << i;
    EXPECT_EQ(read.error().code, Code::corrupt);
  }
}

TEST(BronzeRows, a_bit_that_flipped_anywhere_crashes_nothing) {
  const std::string file = quarantine_file({.source = "locations", .field = "f", .reason = "r", .raw = "raw"});
  for (size_t bit = 0; bit < 8 * file.size(); bit += 3) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const auto read = read_each(flipped);
    EXPECT_EQ(read ? Code::corrupt : read.error().code, Code::corrupt);
  }
}

TEST(BronzeRows, a_file_of_another_table_is_corrupt) {
  const auto read = read_locations(as_bytes(quarantine_file({.raw = "{}"})), [](const Position&, const Location&) {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::corrupt);
  EXPECT_NE(read.error().message.find("of this table"), std::string::npos) << read.error().message;
}

TEST(BronzeRows, a_column_that_is_not_known_is_passed_over_and_a_nullable_one_may_be_missing) {
  std::vector<ColumnSpec> specs = quarantine_specs;
  specs.push_back({.name = "of_next_year", .type = ColumnType::real});
  const std::string file = file_of(table_name(BronzeTable::quarantine), specs);
  size_t count = 0;
  const auto read = read_quarantine(as_bytes(file), [&](const Position&, const EventId&, const Quarantined& item) {
    ++count;
    EXPECT_EQ(item.raw, "text");
    EXPECT_EQ(item.field, "text");
  });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(count, 1U);
}

TEST(BronzeRows, a_column_that_is_missing_or_of_another_type_is_corrupt) {
  for (size_t i = 0; i < quarantine_specs.size(); ++i) {
    std::vector<ColumnSpec> without = quarantine_specs;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    std::vector<ColumnSpec> other = quarantine_specs;
    other[i].type = ColumnType::real;
    for (const auto& specs : {without, other}) {
      const auto read = read_each(file_of(table_name(BronzeTable::quarantine), specs));
      ASSERT_FALSE(read);
      EXPECT_EQ(read.error().code, Code::corrupt);
      EXPECT_NE(read.error().message.find(quarantine_specs[i].name), std::string::npos) << read.error().message;
    }
  }
}

TEST(BronzeRows, a_row_without_a_value_that_every_row_has_is_corrupt) {
  std::vector<ColumnSpec> specs = quarantine_specs;
  specs.back().nullable = Nullable::yes;
  EXPECT_TRUE(read_each(file_of(table_name(BronzeTable::quarantine), specs)));
  const auto file = write_table(table_name(BronzeTable::quarantine), std::span(specs).last(1), 1,
                                [](size_t, size_t, size_t, Cells& into) { into.add(std::optional<double>()); });
  const auto read =
      read_table(as_bytes(*file), table_name(BronzeTable::quarantine), std::span(quarantine_specs).last(1),
                 [](std::span<Cells>, size_t) { return Result<void>(); });
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("raw"), std::string::npos) << read.error().message;
}

TEST(BronzeRows, a_value_that_no_command_can_have_is_corrupt) {
  const std::vector<ColumnSpec> specs = {{.name = "journal_epoch", .type = ColumnType::int64},
                                         {.name = "journal_partition", .type = ColumnType::int32},
                                         {.name = "journal_offset", .type = ColumnType::int64},
                                         {.name = "received_us", .type = ColumnType::int64},
                                         {.name = "kind", .type = ColumnType::text},
                                         {.name = "order_id", .type = ColumnType::text},
                                         {.name = "order_is_number", .type = ColumnType::boolean},
                                         {.name = "deliverer_is_number", .type = ColumnType::boolean},
                                         {.name = "assignments", .type = ColumnType::text}};
  const auto read_with = [&](std::string_view kind, std::string_view assignments, int deliverer_is_number) {
    const auto file =
        write_table(table_name(BronzeTable::order_command), specs, 1, [&](size_t column, size_t, size_t, Cells& into) {
          const std::string_view name = specs[column].name;
          if (name == "kind") return into.add(kind);
          if (name == "assignments") return into.add(assignments);
          if (name == "order_id") return into.add(std::string_view("o"));
          into.add(name == "deliverer_is_number" ? deliverer_is_number : 0);
        });
    return read_commands(as_bytes(*file), [](const Position&, const OrderCommand&) {}).has_value();
  };
  EXPECT_TRUE(read_with("put", R"([{"deliverer_id":17,"from_us":1}])", 0));
  EXPECT_FALSE(read_with("", "[]", 0));
  EXPECT_FALSE(read_with("put", "[]", 1));
  for (const char* wrong :
       {"", "[", "{}", "[1]", R"([{"from_us":1}])", R"([{"deliverer_id":"d"}])",
        R"([{"deliverer_id":"d","from_us":1.5}])", R"([{"deliverer_id":null,"from_us":1}])",
        R"([{"deliverer_id":"d","from_us":1,"to_us":"x"}])", R"([{"deliverer_id":"\ud800","from_us":1}])"})
    EXPECT_FALSE(read_with("put", wrong, 0)) << wrong;
}

}  // namespace
}  // namespace waybill::lake

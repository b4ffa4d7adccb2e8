// lake/order_tables.h — what was said of orders, as tables by date for models: who had which order when, and what is known of it.
//
// Rule:     commands are taken as the store takes them (domain/order.h): in the order of their positions, a second one with a
//           client's id and one that makes no sense left out. So a trip has the locations that the order's track has.
// Delivery: a date's file is made again only where its rows are others than before; a date that lost its rows gets a file
//           without rows. So whoever reads the tables by date is told which dates changed.
// Threads:  pure functions.
// Failure:  as objects; corrupt: a file of commands that is not what the catalog says of it.
// Limits:   an assignment without an end stands for open_dates_max dates from its begin on: docs/LAKE.md, An order that nobody closes.
// Format:   docs/FORMATS.md, Models.
#pragma once

#include <optional>

#include "lake/catalog.h"
#include "lake/table_file.h"

namespace waybill::lake {

inline constexpr int open_dates_max = 7;

struct OrderTable {
  std::string name;  // "treated.assignment"
  std::vector<ColumnSpec> columns;
};
// treated.assignment: an order, its deliverer and a date with locations on which it may have them. treated.ordered: an order, by the
// date on which it was first said something of.
std::vector<OrderTable> order_tables();

// Puts the files of both that have to be made again; the change that makes them current, for whoever holds the claim to commit.
// Nothing where the commands and the dates with locations are those of the last time.
Result<std::optional<Change>> make_order_tables(const Snapshot& lake, Objects& objects, const std::string& role,
                                                uint64_t claim);

// Whether they were made in that version of the lake or a later one, or would be the same if they were made now.
bool order_tables_are_of(const Snapshot& lake, uint64_t version);

}  // namespace waybill::lake

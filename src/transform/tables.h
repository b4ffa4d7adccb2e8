// transform/tables.h — the lake's tables by their names, as an engine is told of them.
//
// Threads: pure functions.
#pragma once

#include <map>

#include "lake/catalog.h"
#include "lake/copies.h"
#include "lake/layout.h"
#include "transform/engine.h"

namespace waybill::transform {

// A raw table's columns as SQL has them, in the order of its files (docs/FORMATS.md, Bronze files).
std::vector<Column> columns_of(lake::BronzeTable table);

// Of the tables that are made from order commands (lake/order_tables.h), by name.
std::map<std::string, std::vector<Column>> order_columns();

// Every table of the snapshot, by name: those of bronze and of other sources whether they have files or not. Its files are keys until place() gives
// them the paths that an engine reads. Beside what its files have, raw.deliverer_location has degrees and times as people
// read them.
std::vector<NamedTable> tables_of(const lake::Snapshot& snapshot);
Result<void> place(NamedTable& table, const lake::Snapshot& snapshot, lake::Loan& loan);

}  // namespace waybill::transform

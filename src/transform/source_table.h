// transform/source_table.h — a table of another source: its names, and what the lake's catalog remembers of it.
//
// Threads: values and pure functions.
// Format:  docs/FORMATS.md, Other sources.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lake/catalog.h"
#include "transform/engine.h"

namespace waybill::transform {

// "shop.orders": table orders of the source shop. Lower-case letters, digits and _, a letter first, at most 63 of each; a table
// does not end in _quarantine.
struct SourceTable {
  std::string source;
  std::string table;

  std::string text() const { return source + '.' + table; }
  std::string name() const { return "external." + source + '_' + table; }  // in SQL and in the catalog
  std::string quarantine_name() const { return name() + "_quarantine"; }
  std::string role() const { return "source " + text(); }
  std::string folder() const { return "raw/external/" + source + '/' + table + '/'; }
  std::string quarantine_folder() const { return "raw/external/" + source + '/' + table + "_quarantine/"; }

  bool operator==(const SourceTable&) const = default;
};
std::optional<SourceTable> parse_source_table(std::string_view text);

// The types that a column got when its first value came, for good; in the order in which they came.
using Contract = std::vector<Column>;  // types of SQL, and JSON: any JSON value, kept as its text
const Column* find_column(const Contract& contract, std::string_view name);  // by SQL's rule: of any case

// What was read of an input, and what came of it.
struct InputRecord {
  uint64_t bytes = 0;
  uint32_t crc32c = 0;
  std::vector<std::string> columns{};  // that it has
  std::vector<std::string> keys{};  // of the files that hold its rows

  bool operator==(const InputRecord&) const = default;
};

std::string contract_property(const SourceTable& table);
std::string input_property(const SourceTable& table, const std::string& input);
std::string growing_property(const SourceTable& table);  // the last value of the growing column that was read
bool is_property_of(const SourceTable& table, std::string_view property);

std::string contract_text(const Contract& contract);
std::string input_text(const InputRecord& record);

// What the snapshot remembers; corrupt where the texts are not ours.
Result<Contract> contract_of(const lake::Snapshot& lake, const SourceTable& table);
Result<std::optional<InputRecord>> input_of(const lake::Snapshot& lake, const SourceTable& table,
                                            const std::string& input);
std::string growing_of(const lake::Snapshot& lake, const SourceTable& table);  // empty: none yet

// Every table of a source in the lake with its columns as SQL has them, whether it has files or not.
std::map<std::string, std::vector<Column>> external_columns(const lake::Snapshot& lake);

}  // namespace waybill::transform

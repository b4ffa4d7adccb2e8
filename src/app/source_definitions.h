// app/source_definitions.h — which other sources there are and where they are: a file each in the data folder.
//
// They are of this machine, not of the lake: whoever can write the lake cannot make it read something else.
// Threads: from one.
// Failure: as Files; not_found: there is no such source; corrupt: its file is not as it was written.
// Format:  docs/FORMATS.md, Other sources.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/data_folder.h"
#include "transform/source_staging.h"
#include "transform/source_table.h"

namespace waybill::app {

enum class SourceKind { files, http, postgres };
std::string_view to_string(SourceKind kind);

struct SourceDefinition {
  transform::SourceTable table;
  SourceKind kind = SourceKind::files;
  std::string where;  // a path, which may have * ? [ ]; a URL; postgresql://user@host/database
  std::optional<transform::SourceForm> form{};  // of files; by their names where it is not given
  transform::Contract types{};  // that are not left to the values
  std::chrono::seconds every{};  // 0: by command only

  // Of the servers: the name of what is secret, never itself.
  std::string secret_variable{};
  std::string secret_file{};
  std::string ca_file{};

  std::string header{};  // of the token; empty: Authorization: Bearer
  std::string items{};  // JSON pointer to a page's array; empty: the page is one
  std::string next{};  // JSON pointer to the next page's URL, or to its cursor
  std::string cursor{};  // parameter that takes the cursor
  std::string page{};  // parameter that counts 1, 2, 3 … up to an empty page

  std::string relation{};  // schema.table of the database
  std::string growing{};  // its column by which only new rows are read; empty: all of them each time

  bool operator==(const SourceDefinition&) const = default;
};

std::string definition_text(const SourceDefinition& definition);
Result<SourceDefinition> read_definition(std::string_view text, const std::string& whose);

// conflict: it is there, or another one has the same name in SQL.
Result<void> add_definition(const DataFolder& folder, const SourceDefinition& definition);
Result<std::vector<SourceDefinition>> definitions_of(const DataFolder& folder);  // by name
// "shop.orders", or "shop": all of its tables.
Result<std::vector<SourceDefinition>> definitions_named(const DataFolder& folder, const std::string& name);
Result<void> remove_definition(const DataFolder& folder, const transform::SourceTable& table);

// The token or password; empty where the definition names none. invalid, denied: it is not where it should be.
Result<std::string> secret_of(const SourceDefinition& definition);

}  // namespace waybill::app

#include "app/source_definitions.h"

#include <algorithm>
#include <array>

#include "base/environment.h"
#include "base/secret_file.h"
#include "wire/json_object.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

using transform::SourceForm;

constexpr std::string_view seal_name = "source";
constexpr std::string_view suffix = ".json";
constexpr std::array kinds = {SourceKind::files, SourceKind::http, SourceKind::postgres};
constexpr std::array forms = {SourceForm::csv, SourceForm::json, SourceForm::ndjson, SourceForm::parquet};

// The members that are texts, one table for both ways; what is empty is left out.
constexpr std::array<std::pair<std::string_view, std::string SourceDefinition::*>, 11> texts = {{
    {"where", &SourceDefinition::where},
    {"secret_variable", &SourceDefinition::secret_variable},
    {"secret_file", &SourceDefinition::secret_file},
    {"ca_file", &SourceDefinition::ca_file},
    {"header", &SourceDefinition::header},
    {"items", &SourceDefinition::items},
    {"next", &SourceDefinition::next},
    {"cursor", &SourceDefinition::cursor},
    {"page", &SourceDefinition::page},
    {"relation", &SourceDefinition::relation},
    {"growing", &SourceDefinition::growing},
}};

std::string path_of(const DataFolder& folder, const transform::SourceTable& table) {
  return join_path(folder.sources(), table.text() + std::string(suffix));
}

std::string without_line_end(std::string text) {
  text.resize(text.find_last_not_of(" \r\n\t") + 1);
  return text;
}

}  // namespace

std::string_view to_string(SourceKind kind) {
  switch (kind) {
    case SourceKind::files: return "files";
    case SourceKind::http: return "http";
    case SourceKind::postgres: return "postgres";
  }
  return "";
}

std::string definition_text(const SourceDefinition& definition) {
  wire::JsonWriter json;
  json.begin_object().key("layout").integer(1).key("table").text(definition.table.text());
  json.key("kind").text(to_string(definition.kind)).key("every_seconds").integer(definition.every.count());
  if (definition.form) json.key("form").text(to_string(*definition.form));
  for (const auto& [name, member] : texts)
    if (!(definition.*member).empty()) json.key(name).text(definition.*member);
  json.key("types").begin_array();
  for (const transform::Column& column : definition.types)
    json.begin_object().key("name").text(column.name).key("type").text(column.type).end_object();
  json.end_array().end_object();
  return wire::seal(seal_name, json.take());
}

Result<SourceDefinition> read_definition(std::string_view text, const std::string& whose) {
  TRY_LET(const std::string_view inside, wire::unseal(text, seal_name, whose));
  wire::JsonObject root(inside);
  if (const uint64_t layout = root.number("layout"); root.ok() && layout != 1)
    return fail(Code::invalid, whose + ": is of layout " + std::to_string(layout) + ", this waybill knows layout 1");
  SourceDefinition definition;
  const auto table = transform::parse_source_table(root.text("table"));
  const std::string kind = root.text("kind");
  const auto found = std::ranges::find_if(kinds, [&](SourceKind one) { return to_string(one) == kind; });
  definition.every = std::chrono::seconds(root.number("every_seconds"));
  if (root.has("form")) {
    const std::string form = root.text("form");
    for (const SourceForm one : forms)
      if (to_string(one) == form) definition.form = one;
  }
  for (const auto& [name, member] : texts)
    if (root.has(name)) definition.*member = root.text(name);
  for (wire::JsonObject& column : root.objects("types"))
    definition.types.push_back({.name = column.text("name"), .type = column.text("type")});
  if (!root.ok() || !table || found == kinds.end() || root.has("form") != definition.form.has_value())
    return fail(Code::corrupt, whose + ": not the definition of a source");
  definition.table = *table;
  definition.kind = *found;
  return definition;
}

Result<void> add_definition(const DataFolder& folder, const SourceDefinition& definition) {
  TRY_LET(const auto others, definitions_of(folder));
  for (const SourceDefinition& other : others)
    if (other.table.name() == definition.table.name())
      return fail(Code::conflict, other.table.text() + ": is there already, as " + other.table.name());
  TRY(make_folder_durably(system_files(), folder.sources()));
  return write_file_atomically(system_files(), path_of(folder, definition.table), definition_text(definition));
}

Result<std::vector<SourceDefinition>> definitions_of(const DataFolder& folder) {
  std::vector<SourceDefinition> all;
  const auto files = system_files().list(folder.sources());
  if (!files && files.error().code == Code::not_found) return all;
  if (!files) return std::unexpected(files.error());
  for (const FileInfo& file : *files) {
    if (file.folder || !file.name.ends_with(suffix)) continue;
    const std::string path = join_path(folder.sources(), file.name);
    TRY_LET(const std::string text, read_file(system_files(), path));
    TRY_LET(SourceDefinition definition, read_definition(text, path));
    all.push_back(std::move(definition));
  }
  return all;
}

Result<std::vector<SourceDefinition>> definitions_named(const DataFolder& folder, const std::string& name) {
  TRY_LET(auto all, definitions_of(folder));
  std::erase_if(all, [&](const SourceDefinition& one) {
    return !name.empty() && one.table.text() != name && one.table.source != name;
  });
  if (all.empty())
    return fail(Code::not_found, name.empty() ? "there are no sources: `waybill source add` makes one"
                                              : name + ": no such source; `waybill source list` prints them");
  return all;
}

Result<void> remove_definition(const DataFolder& folder, const transform::SourceTable& table) {
  TRY(system_files().remove(path_of(folder, table)));
  return system_files().sync_folder(folder.sources());
}

Result<std::string> secret_of(const SourceDefinition& definition) {
  if (!definition.secret_variable.empty()) {
    const auto value = environment_variable(definition.secret_variable);
    if (!value || value->empty())
      return fail(Code::invalid, definition.table.text() + ": the environment has no " + definition.secret_variable +
                                     ", where its secret should be");
    return *value;
  }
  if (definition.secret_file.empty()) return std::string();
  TRY_LET(std::string secret, read_secret_file(definition.secret_file));
  secret = without_line_end(std::move(secret));
  if (secret.empty()) return fail(Code::invalid, definition.secret_file + ": there is no secret in it");
  return secret;
}

}  // namespace waybill::app

#include "transform/lint.h"

#include <algorithm>
#include <array>

#include "transform/syntax.h"
#include "wire/json_text.h"

namespace waybill::transform {
namespace {

// Everything that is not here is refused: what one engine does its own way is more than anybody can list.
constexpr std::array functions_allowed = {
    "%",     "*",     "+",          "-",      "/",        "asin",  "avg",     "ceil",  "concat",
    "cos",   "count", "count_star", "floor",  "greatest", "lag",   "lead",    "least", "length",
    "lower", "max",   "min",        "nullif", "pow",      "power", "radians", "round", "row_number",
    "sin",   "sqrt",  "substring",  "sum",    "abs",      "year",  "month",   "day",   "to_days"};  // INTERVAL '1' DAY
constexpr std::array types_whole = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"};

std::string text_of(std::string_view value) {
  std::string scratch;
  if (value.empty() || wire::kind_of(value) != wire::JsonKind::string) return "";
  return std::string(wire::json_string(value, scratch).value_or(""));
}

std::string_view member(std::string_view object, std::string_view wanted) {
  if (object.empty() || wire::kind_of(object) != wire::JsonKind::object) return {};
  wire::JsonWalk walk(object);
  std::string_view name;
  std::string_view value;
  while (walk.next_member(name, value))
    if (name.substr(1, name.size() - 2) == wanted) return value;
  return {};
}

bool is_there(std::string_view value) { return !value.empty() && wire::kind_of(value) != wire::JsonKind::null; }
bool has_elements(std::string_view value) {
  std::string_view element;
  return is_there(value) && wire::kind_of(value) == wire::JsonKind::array &&
         wire::JsonWalk(value).next_element(element);
}

class Linter {
 public:
  void visit(std::string_view value) {
    if (value.empty()) return;
    std::string_view name;
    std::string_view inner;
    if (wire::kind_of(value) == wire::JsonKind::object) {
      look_at(value);
      if (is_interval(value)) return;
      for (wire::JsonWalk walk(value); walk.next_member(name, inner);) visit(inner);
    } else if (wire::kind_of(value) == wire::JsonKind::array) {
      for (wire::JsonWalk walk(value); walk.next_element(inner);) visit(inner);
    }
  }

  Result<std::set<std::string>> outcome(const std::string& model, std::string_view syntax) {
    std::set<std::string> tables = tables_read(syntax);
    for (const std::string& name : tables)
      if (name.find('.') == std::string::npos) wrong("the table " + name + " without its schema");
    if (!wrong_.empty()) return fail(Code::invalid, model + ": not in the SQL of models: " + wrong_);
    return tables;
  }

 private:
  void wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  // INTERVAL '1' DAY: what DuckDB makes of the number is its own.
  static bool is_interval(std::string_view node) {
    return text_of(member(node, "function_name")) == "to_days" && node.find("COLUMN_REF") == std::string_view::npos;
  }

  void look_at(std::string_view node) {
    const std::string type = text_of(member(node, "type"));
    if (is_there(member(node, "qualify"))) wrong("QUALIFY (use a row number in a subquery, and WHERE)");
    if (type == "DISTINCT_MODIFIER" && has_elements(member(node, "distinct_on_targets"))) wrong("DISTINCT ON");
    if (type == "TABLE_FUNCTION") wrong("a table function");
    if (type == "STAR") wrong("SELECT * (name the columns)");
    if (type == "LIMIT_MODIFIER" || type == "LIMIT_PERCENT_MODIFIER") wrong("LIMIT (which rows it takes is not said)");
    if (is_there(member(node, "sample"))) wrong("a sample");
    if (is_there(member(node, "null_order")) && text_of(member(node, "null_order")) == "ORDER_DEFAULT")
      wrong("ORDER BY without NULLS FIRST or NULLS LAST (Spark has them first)");
    if (text_of(member(node, "ref_type")) == "ASOF" || text_of(member(node, "ref_type")) == "POSITIONAL")
      wrong("a join of DuckDB's own kind");
    if (type == "OPERATOR_CAST") look_at_cast(node);
    look_at_function(node);
  }

  void look_at_cast(std::string_view node) {
    if (member(node, "try_cast") == "true") wrong("TRY_CAST");
    const std::string to = text_of(member(member(node, "cast_type"), "id"));
    const std::string of = text_of(member(member(member(member(node, "child"), "value"), "type"), "id"));
    if (std::ranges::find(types_whole, to) != types_whole.end() && (of == "DOUBLE" || of == "DECIMAL"))
      wrong("a CAST of a fraction to a whole number (DuckDB rounds, Spark cuts)");
  }

  void look_at_function(std::string_view node) {
    const std::string function = text_of(member(node, "function_name"));
    if (function.empty()) return;
    if (std::ranges::find(functions_allowed, function) == functions_allowed.end()) wrong(function + "()");
    if (has_elements(member(member(node, "order_bys"), "orders"))) wrong(function + "(… ORDER BY)");
    if (is_there(member(node, "filter")) || is_there(member(node, "filter_expr"))) wrong("FILTER (use CASE)");
    if (member(node, "ignore_nulls") == "true") wrong("IGNORE NULLS");
    const bool numbers = function == "row_number" || function == "lag" || function == "lead";
    if (numbers && !has_elements(member(node, "orders"))) wrong(function + "() without ORDER BY");
  }

  std::string wrong_;
};

// A SELECT of dates reads the changed rows, and of other tables only what the model itself reads: they are made before it.
Result<void> check_touches(Engine& engine, const Model& model, const std::set<std::string>& reads) {
  for (const auto& [input, sql] : model.touches) {
    const std::string where = model.name + ": touches: " + input + ": ";
    if (!reads.contains(input)) return fail(Code::invalid, where + "is not read by the model");
    TRY_LET(const std::set<std::string> tables, lint(engine, {.name = where + "SQL", .sql = sql}));
    for (const std::string& table : tables)
      if (!reads.contains(table) && table != "changed." + input.substr(input.find('.') + 1))
        return fail(Code::invalid, where + "reads " + table + ", which the model does not read");
  }
  return {};
}

// A test reads the table, what it is made of, and what its columns refer to: no other is there when it runs.
Result<void> check_tests(Engine& engine, const Model& model, std::set<std::string> reads) {
  reads.insert(model.name);
  for (const ModelColumn& column : model.columns) reads.insert(column.refers_to.substr(0, column.refers_to.rfind('.')));
  for (const ModelTest& test : model.tests) {
    const std::string where = model.name + ": test " + test.name;
    TRY_LET(const std::set<std::string> tables, lint(engine, {.name = where, .sql = test.sql}));
    for (const std::string& table : tables)
      if (!reads.contains(table))
        return fail(Code::invalid, where + ": reads " + table + ", which the model does not read");
  }
  return {};
}

}  // namespace

Result<std::set<std::string>> lint(Engine& engine, const Model& model) {
  const auto syntax = engine.syntax(model.sql);
  if (!syntax) return fail_in(model.name, syntax.error());
  Linter linter;
  linter.visit(*syntax);
  return linter.outcome(model.name, *syntax);
}

Result<Graph> arrange(Engine& engine, std::vector<Model> models, const std::set<std::string>& known) {
  std::map<std::string, std::set<std::string>> reads;
  for (const Model& model : models) {
    TRY_LET(reads[model.name], lint(engine, model));
  }
  for (const Model& model : models) {
    for (const std::string& table : reads[model.name])
      if (!known.contains(table) && !reads.contains(table))
        return fail(Code::invalid, model.name + ": reads " + table + ", which nobody makes");
    for (const auto& [input, reach] : model.reach)
      if (!reads[model.name].contains(input))
        return fail(Code::invalid, model.name + ": reach: does not read " + input);
    TRY(check_touches(engine, model, reads[model.name]));
    TRY(check_tests(engine, model, reads[model.name]));
  }
  // A column that refers to a table is compared with it, so it is made before, as what is read is.
  std::map<std::string, std::set<std::string>> needs = reads;
  for (const Model& model : models)
    for (const ModelColumn& column : model.columns)
      if (const std::string table = column.refers_to.substr(0, column.refers_to.rfind('.')); !table.empty()) {
        if (!reads.contains(table))
          return fail(Code::invalid, model.name + ": " + column.name + " refers to " + table + ", which nobody makes");
        needs[model.name].insert(table);
      }
  Graph graph;
  std::set<std::string> done = known;
  while (!models.empty()) {
    const auto next = std::ranges::find_if(
        models, [&](const Model& model) { return std::ranges::includes(done, needs[model.name]); });
    if (next == models.end()) {
      std::string ring;
      for (const Model& model : models) ring += (ring.empty() ? "" : ", ") + model.name;
      return fail(Code::invalid, "models read each other in a ring, or wait for those that do: " + ring);
    }
    done.insert(next->name);
    graph.reads.push_back(reads[next->name]);
    graph.models.push_back(std::move(*next));
    models.erase(next);
  }
  return graph;
}

}  // namespace waybill::transform

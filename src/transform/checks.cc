#include "transform/checks.h"

#include <charconv>
#include <sstream>

#include "transform/sql_text.h"

namespace waybill::transform {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

struct Check {
  std::string name;
  std::string where{};  // what a row that should not be there is by itself: all of these are asked in one pass
  std::string sql{};  // otherwise a SELECT of the rows that should not be there
};

std::vector<Check> checks_of(const Model& model) {
  std::vector<Check> checks;
  if (!model.key.empty())
    checks.push_back(
        {.name = "unique " + joined(model.key),
         .sql = "SELECT 1 FROM " + model.name + " GROUP BY " + joined(model.key) + " HAVING COUNT(*) > 1"});
  for (const ModelColumn& column : model.columns) {
    if (!column.nullable) checks.push_back({.name = "not_null " + column.name, .where = column.name + " IS NULL"});
    if (!column.accepted.empty()) {
      std::vector<std::string> values;
      for (const std::string& value : column.accepted) values.push_back(sql_literal(value));
      checks.push_back({.name = "accepted " + column.name, .where = column.name + " NOT IN (" + joined(values) + ")"});
    }
    if (column.least)
      checks.push_back({.name = "least " + column.name, .where = column.name + " < " + number(*column.least)});
    if (column.most)
      checks.push_back({.name = "most " + column.name, .where = column.name + " > " + number(*column.most)});
    if (column.refers_to.empty()) continue;
    const size_t dot = column.refers_to.rfind('.');
    checks.push_back({.name = "relation " + column.name,
                      .sql = "SELECT 1 FROM " + model.name + " WHERE " + column.name + " IS NOT NULL AND " +
                             column.name + " NOT IN (SELECT " + column.refers_to.substr(dot + 1) + " FROM " +
                             column.refers_to.substr(0, dot) + ")"});
  }
  for (const ModelTest& test : model.tests) checks.push_back({.name = test.name, .sql = test.sql});
  return checks;
}

}  // namespace

Result<std::vector<CheckResult>> check_rows(Engine& engine, const Model& model, const Limits& limits) {
  std::vector<CheckResult> results;
  std::string columns;
  for (const Check& check : checks_of(model)) {
    columns += (columns.empty() ? "" : ", ") +
               (check.sql.empty() ? "COALESCE(SUM(CASE WHEN " + check.where + " THEN 1 ELSE 0 END), 0)"
                                  : "(SELECT COUNT(*) FROM (" + check.sql + ") AS rows_of_check)") +
               " AS failing_" + std::to_string(results.size());
    results.push_back({.check = check.name});
  }
  if (results.empty()) return results;
  const auto answer = engine.query("SELECT " + columns + ", COUNT(*) AS all_rows FROM " + model.name, limits);
  if (!answer) return fail_in("checks of " + model.name, answer.error());
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string text = answer->rows.at(0).at(i).value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), results[i].failing);
  }
  return results;
}

}  // namespace waybill::transform

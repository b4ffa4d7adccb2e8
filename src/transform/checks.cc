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

// Each is a SELECT of the rows that should not be there.
std::vector<ModelTest> checks_of(const Model& model) {
  std::vector<ModelTest> checks;
  const std::string rows = "SELECT 1 FROM " + model.name + " WHERE ";
  if (!model.key.empty())
    checks.push_back(
        {.name = "unique " + joined(model.key),
         .sql = "SELECT 1 FROM " + model.name + " GROUP BY " + joined(model.key) + " HAVING COUNT(*) > 1"});
  for (const ModelColumn& column : model.columns) {
    if (!column.nullable) checks.push_back({.name = "not_null " + column.name, .sql = rows + column.name + " IS NULL"});
    if (!column.accepted.empty()) {
      std::vector<std::string> values;
      for (const std::string& value : column.accepted) values.push_back(sql_literal(value));
      checks.push_back(
          {.name = "accepted " + column.name, .sql = rows + column.name + " NOT IN (" + joined(values) + ")"});
    }
    if (column.least)
      checks.push_back({.name = "least " + column.name, .sql = rows + column.name + " < " + number(*column.least)});
    if (column.most)
      checks.push_back({.name = "most " + column.name, .sql = rows + column.name + " > " + number(*column.most)});
    if (column.refers_to.empty()) continue;
    const size_t dot = column.refers_to.rfind('.');
    checks.push_back({.name = "relation " + column.name,
                      .sql = rows + column.name + " IS NOT NULL AND " + column.name + " NOT IN (SELECT " +
                             column.refers_to.substr(dot + 1) + " FROM " + column.refers_to.substr(0, dot) + ")"});
  }
  checks.insert(checks.end(), model.tests.begin(), model.tests.end());
  return checks;
}

}  // namespace

Result<std::vector<CheckResult>> check_rows(Engine& engine, const Model& model, const Limits& limits) {
  std::vector<CheckResult> results;
  const std::vector<ModelTest> checks = checks_of(model);
  std::string all;
  for (const ModelTest& check : checks)
    all += (all.empty() ? "SELECT " : " UNION ALL SELECT ") + std::to_string(results.size()) +
           " AS nth, (SELECT COUNT(*) FROM (" + check.sql + ") AS rows_of_check) AS failing",
        results.push_back({.check = check.name});
  const auto answer = engine.query("SELECT failing FROM (" + all + ") AS checks ORDER BY nth", limits);
  if (!answer) return fail_in("checks of " + model.name, answer.error());
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string text = answer->rows.at(i).at(0).value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), results[i].failing);
  }
  return results;
}

}  // namespace waybill::transform

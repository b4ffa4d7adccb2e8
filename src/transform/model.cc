#include "transform/model.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "base/hash.h"

namespace waybill::transform {
namespace {

constexpr std::string_view sql_suffix = ".sql";
constexpr std::string_view toml_suffix = ".toml";

class Description {
 public:
  Description(std::string file, const toml::table& table) : file_(std::move(file)), table_(table) {}

  Result<Model> read(Model model) {
    model.what = text(table_, "what");
    model.grain = text(table_, "grain");
    model.partition = text(table_, "partition", Needed::no);
    model.key = texts(table_, "key");
    read_reach(model);
    read_touches(model);
    each("columns", [&](const toml::table& column) { model.columns.push_back(read_column(column)); });
    each("tests", [&](const toml::table& test) { model.tests.push_back(read_test(model.name, test)); });
    if (model.columns.empty()) wrong("it has no columns");
    for (const std::string& key : model.key) needs_column(model, key, "key");
    if (!model.partition.empty()) needs_column(model, model.partition, "partition");
    if (!wrong_.empty()) return fail(Code::invalid, file_ + ": " + wrong_);
    return model;
  }

 private:
  enum class Needed { no, yes };

  void wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  void needs_column(const Model& model, const std::string& name, const std::string& role) {
    if (std::ranges::find(model.columns, name, &ModelColumn::name) == model.columns.end())
      wrong(role + " names " + name + ", which is no column");
  }

  std::string text(const toml::table& in, std::string_view name, Needed needed = Needed::yes) {
    const auto value = in[name].value<std::string>();
    if (!value && (needed == Needed::yes || in.contains(name))) wrong(std::string(name) + ": expected a text");
    return value.value_or("");
  }

  std::vector<std::string> texts(const toml::table& in, std::string_view name) {
    std::vector<std::string> found;
    if (!in.contains(name)) return found;
    const toml::array* values = in[name].as_array();
    if (values == nullptr) {
      wrong(std::string(name) + ": expected a list of texts");
      return found;
    }
    for (const toml::node& value : *values) {
      if (!value.is_string()) wrong(std::string(name) + ": expected a list of texts");
      found.push_back(value.value_or<std::string>(""));
    }
    return found;
  }

  template <class Take>
  void each(std::string_view name, Take take) {
    const toml::array* items = table_[name].as_array();
    if (items == nullptr) {
      if (table_.contains(name)) wrong(std::string(name) + ": expected a list of tables");
      return;
    }
    for (const toml::node& item : *items) {
      if (const toml::table* inner = item.as_table())
        take(*inner);
      else
        wrong(std::string(name) + ": expected a list of tables");
    }
  }

  void read_reach(Model& model) {
    const toml::table* reach = table_["reach"].as_table();
    if (reach == nullptr) return;
    for (const auto& [input, span] : *reach) {
      const toml::array* ends = span.as_array();
      if (ends == nullptr || ends->size() != 2 || !ends->is_homogeneous(toml::node_type::integer)) {
        wrong("reach: expected two whole numbers: dates before, dates after");
        return;
      }
      model.reach[std::string(input.str())] = {.before = ends->get(0)->value_or(0), .after = ends->get(1)->value_or(0)};
    }
  }

  void read_touches(Model& model) {
    const toml::table* touches = table_["touches"].as_table();
    if (touches == nullptr) return;
    for (const auto& [input, sql] : *touches) {
      if (!sql.is_string()) wrong("touches: expected a SELECT of dates");
      model.touches[std::string(input.str())] = sql.value_or<std::string>("");
    }
    if (model.partition.empty()) wrong("touches: a table without a partition has no dates to touch");
  }

  // A kind says in its own words what must hold; a test without one brings its SELECT.
  ModelTest read_test(const std::string& model, const toml::table& test) {
    const std::string kind = text(test, "kind", Needed::no);
    if (kind.empty()) return {.name = text(test, "name"), .sql = text(test, "sql")};
    if (kind == "freshness") return freshness(model, test);
    if (kind == "volume") return volume(model, test);
    if (kind == "distribution") return distribution(model, test);
    wrong("tests: there is no kind " + kind + ": freshness, volume or distribution");
    return {};
  }

  ModelTest freshness(const std::string& model, const toml::table& test) {
    const std::string column = text(test, "column");
    const std::string behind = text(test, "behind");
    const size_t dot = behind.rfind('.');
    if (behind.find('.') == dot) wrong("freshness: behind: expected schema.table.column");
    if (!wrong_.empty()) return {};
    return {
        .name = "freshness " + column,
        .sql =
            "SELECT 1 FROM (SELECT MAX(" + column + ") AS newest FROM " + model + ") AS own CROSS JOIN (SELECT MAX(" +
            behind.substr(dot + 1) + ") AS newest FROM " + behind.substr(0, dot) +
            ") AS other WHERE own.newest IS NULL AND other.newest IS NOT NULL OR (other.newest - own.newest) / 1e6 > " +
            number(test, "seconds_max", 0)};
  }

  ModelTest volume(const std::string& model, const toml::table& test) {
    const std::string of = text(test, "of");
    return {.name = "volume of " + of,
            .sql = "SELECT 1 FROM (SELECT COUNT(*) AS n FROM " + model +
                   ") AS own CROSS JOIN (SELECT COUNT(*) AS n FROM " + of + ") AS other WHERE " +
                   outside("own.n", "other.n", test)};
  }

  ModelTest distribution(const std::string& model, const toml::table& test) {
    const std::string where = text(test, "where");
    return {.name = "distribution " + where,
            .sql = "SELECT 1 FROM (SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN " + where +
                   " THEN 1 ELSE 0 END), 0) AS hit FROM " + model + ") AS counted WHERE n >= " +
                   number(test, "rows_min", 1) + " AND (" + outside("hit", "n", test) + ")"};
  }

  std::string outside(const std::string& part, const std::string& whole, const toml::table& test) {
    if (!test.contains("least_share") && !test.contains("most_share"))
      wrong("tests: least_share or most_share is missing");
    return part + " < " + number(test, "least_share", 0) + " * " + whole + " OR " + part + " > " +
           number(test, "most_share", 1) + " * " + whole;
  }

  std::string number(const toml::table& in, std::string_view name, double otherwise) {
    const auto value = in[name].value<double>();
    if (!value && in.contains(name)) wrong(std::string(name) + ": expected a number");
    std::ostringstream shown;
    shown << value.value_or(otherwise);
    return shown.str();
  }

  ModelColumn read_column(const toml::table& column) {
    return {.name = text(column, "name"),
            .type = text(column, "type"),
            .unit = text(column, "unit", Needed::no),
            .what = text(column, "what"),
            .nullable = column["null"].value_or(false),
            .accepted = texts(column, "accepted"),
            .refers_to = text(column, "refers_to", Needed::no),
            .least = column["least"].value<double>(),
            .most = column["most"].value<double>()};
  }

  std::string file_;
  const toml::table& table_;
  std::string wrong_;
};

Result<Model> read_model(const std::string& path, Model model, const std::string& toml) {
  try {
    const toml::table table = toml::parse(toml, path);
    return Description(path, table).read(std::move(model));
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << path << ':' << error.source().begin.line << ": " << error.description();
    return fail(Code::invalid, where.str());
  }
}

}  // namespace

Result<std::vector<Model>> read_models(const ModelFiles& files) {
  std::vector<Model> models;
  for (const auto& [path, content] : files) {
    const bool is_sql = path.ends_with(sql_suffix);
    if (!is_sql && !path.ends_with(toml_suffix))
      return fail(Code::invalid, path + ": a model is a .sql file with a .toml file beside it");
    const std::string stem = path.substr(0, path.rfind('.'));
    const std::string other = stem + std::string(is_sql ? toml_suffix : sql_suffix);
    const auto beside = files.find(other);
    if (beside == files.end()) return fail(Code::invalid, path + ": " + other + " is missing");
    if (!is_sql) continue;
    if (!stem.starts_with("treated/") && !stem.starts_with("final/"))
      return fail(Code::invalid, path + ": a model is in treated/ or in final/");
    std::string name = stem;
    name[name.find('/')] = '.';
    TRY_LET(Model model, read_model(other, {.name = std::move(name), .sql = content}, beside->second));
    model.made_of = crc32c(as_bytes(beside->second), crc32c(as_bytes(content)));
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace waybill::transform

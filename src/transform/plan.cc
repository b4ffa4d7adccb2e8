#include "transform/plan.h"

#include "wire/json_object.h"
#include "wire/json_out.h"

namespace waybill::transform {
namespace {

constexpr size_t dates_at_once_max = 64;

std::string property_of(std::string_view table) { return "model." + std::string(table); }

struct MadeOf {
  uint64_t version = 0;
  uint64_t texts = 0;
};

std::optional<MadeOf> made_of(const lake::Snapshot& lake, std::string_view table) {
  const auto found = lake.properties.find(property_of(table));
  if (found == lake.properties.end()) return std::nullopt;
  wire::JsonObject said(found->second);
  const MadeOf made{.version = said.number("version"), .texts = said.number("made_of")};
  return said.ok() ? std::optional(made) : std::nullopt;
}

}  // namespace

std::string made_property(const Model& model) { return property_of(model.name); }

std::optional<uint64_t> version_made_of(const lake::Snapshot& lake, std::string_view table) {
  const std::optional<MadeOf> made = made_of(lake, table);
  return made ? std::optional(made->version) : std::nullopt;
}

std::string made_text(uint64_t version, const Model& model) {
  wire::JsonWriter json;
  json.begin_object()
      .key("version")
      .integer(static_cast<int64_t>(version))
      .key("made_of")
      .integer(model.made_of)
      .end_object();
  return json.take();
}

std::optional<uint64_t> made_version(const lake::Snapshot& lake, const Model& model) {
  const std::optional<MadeOf> made = made_of(lake, model.name);
  if (!made || made->texts != model.made_of) return std::nullopt;
  return made->version;
}

Dates dates_of(const lake::DataFile& file) {
  Dates dates(file.dates.begin(), file.dates.end());
  if (dates.empty() && !file.date.empty()) dates.insert(file.date);
  return dates;
}

Plan plan_of(const lake::Snapshot& lake, const Model& model, const std::set<std::string>& reads) {
  const std::optional<uint64_t> made = made_version(lake, model);
  const auto changed = [&](const lake::DataFile& file) { return !made || file.changed > *made; };
  Plan plan;
  if (model.partition.empty()) {
    plan.whole = !made;
    for (const std::string& input : reads)
      for (const lake::DataFile* file : lake.of_table(input)) plan.whole = plan.whole || changed(*file);
    return plan;
  }
  Dates touched;
  Dates filled;  // dates that have rows, or had some when they were made
  for (const lake::DataFile* file : lake.of_table(model.name)) {
    if (file->date.empty()) continue;  // of a time when the table was made whole; it goes with the first dates
    filled.insert(file->date);
    if (!made) touched.insert(file->date);
  }
  for (const auto& [input, reach] : model.reach)
    for (const lake::DataFile* file : lake.of_table(input))
      for (const std::string& date : dates_of(*file)) {
        filled.insert(date);
        if (changed(*file)) add_around(touched, date, reach.after, reach.before);
      }
  for (const std::string& date : touched)
    if (filled.contains(date)) plan.dates.insert(date);
  return plan;
}

std::vector<Dates> parts_of(const lake::Snapshot& lake, const Model& model, const Dates& dates, uint64_t rows_max) {
  std::map<std::string, uint64_t> rows;
  for (const auto& [input, reach] : model.reach)
    for (const lake::DataFile* file : lake.of_table(input))
      for (const Dates of_file = dates_of(*file); const std::string& date : of_file)
        rows[date] += file->rows / of_file.size();
  std::vector<Dates> parts;
  uint64_t in_part = 0;
  for (const std::string& date : dates) {
    if (parts.empty() || in_part + rows[date] > rows_max || parts.back().size() == dates_at_once_max) {
      parts.emplace_back();
      in_part = 0;
    }
    in_part += rows[date];
    parts.back().insert(date);
  }
  return parts;
}

}  // namespace waybill::transform

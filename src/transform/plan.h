// transform/plan.h — what of a model has to be made again, by what the catalog says of its inputs.
//
// Threads: pure functions.
#pragma once

#include <optional>

#include "lake/catalog.h"
#include "transform/dates.h"
#include "transform/model.h"

namespace waybill::transform {

struct Plan {
  bool whole = false;  // the table, which has no dates
  Dates dates{};  // of a table by dates
};

// The dates of a file's rows.
Dates dates_of(const lake::DataFile& file);

// The version of the lake that the table is made of; nothing where all of it has to be made.
std::optional<uint64_t> made_version(const lake::Snapshot& lake, const Model& model);

// What the SELECTs of the model's `touches` find has to be added to it.
Plan plan_of(const lake::Snapshot& lake, const Model& model, const std::set<std::string>& reads);

// The plan's dates in parts that are made together: of at most so many rows of their inputs, as far as they are several.
std::vector<Dates> parts_of(const lake::Snapshot& lake, const Model& model, const Dates& dates, uint64_t rows_max);

// What a commit that ends a model says: of which version it was made, by which text.
std::string made_property(const Model& model);  // its name
std::string made_text(uint64_t version, const Model& model);
// The version of the lake that the table is made of, by whichever text; nothing where it was never made.
std::optional<uint64_t> version_made_of(const lake::Snapshot& lake, std::string_view table);

}  // namespace waybill::transform

// app/answer_text.h — an answer of the lake as text: a table for people, CSV, JSON.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "transform/engine.h"

namespace waybill::app {

// Aligned, numbers to the right; NULL as such; below it how many rows there are.
std::string table_text(const transform::Answer& answer);
// RFC 4180 with a line of names; NULL is an empty field, an empty text is "".
std::string csv_text(const transform::Answer& answer);
// {"columns":[{"name","type"}],"rows":[[…]],"cut":…}: numbers as numbers (null where JSON has none for it), booleans, NULL as
// null, everything else as its text.
std::string json_text(const transform::Answer& answer);

}  // namespace waybill::app

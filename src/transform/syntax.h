// transform/syntax.h — what a statement reads, from its abstract syntax.
//
// Threads: pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace waybill::transform {

// Of Engine::syntax()'s answer: the tables that it reads as they are written ("raw.deliverer_location", "t"), without the names
// that its own WITH gives.
std::set<std::string> tables_read(std::string_view syntax);

}  // namespace waybill::transform

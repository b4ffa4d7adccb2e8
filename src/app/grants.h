// app/grants.h — which tables of the lake a role may ask, by the setting query.grants.
//
// "analyst=treated,final; operator=*; admin=*": of each role what it may read: a zone, a table as zone.table, or all. A role that is
// not named reads nothing.
// Threads: pure functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "domain/access.h"

namespace waybill::app {

using Grants = std::map<Role, std::set<std::string>>;

Grants default_grants();
std::optional<Grants> parse_grants(std::string_view text);  // only of roles that may ask at all
std::string to_text(const Grants& grants);
bool may_read(const Grants& grants, Role role, std::string_view table);

}  // namespace waybill::app

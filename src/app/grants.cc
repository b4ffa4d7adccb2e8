#include "app/grants.h"

#include <vector>

namespace waybill::app {
namespace {

constexpr std::string_view everything = "*";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(at);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_name(std::string_view text) {
  if (text == everything) return true;
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos;
}

}  // namespace

Grants default_grants() {
  return {{Role::op, {std::string(everything)}},
          {Role::admin, {std::string(everything)}},
          {Role::analyst, {"treated", "final"}}};
}

std::optional<Grants> parse_grants(std::string_view text) {
  Grants grants;
  for (const std::string_view of_role : split(text, ';')) {
    if (of_role.empty()) continue;
    const auto parts = split(of_role, '=');
    const auto role = parse_role(parts.front());
    if (parts.size() != 2 || !role || !may(*role, Act::query) || grants.contains(*role)) return std::nullopt;
    for (const std::string_view name : split(parts[1], ',')) {
      if (!is_name(name)) return std::nullopt;
      grants[*role].emplace(name);
    }
  }
  return grants;
}

std::string to_text(const Grants& grants) {
  std::string text;
  for (const auto& [role, names] : grants) {
    text.append(text.empty() ? "" : "; ").append(to_string(role)).append("=");
    bool first = true;
    for (const std::string& name : names) {
      text.append(first ? "" : ",").append(name);
      first = false;
    }
  }
  return text;
}

bool may_read(const Grants& grants, Role role, std::string_view table) {
  const auto found = grants.find(role);
  if (found == grants.end()) return false;
  const std::string zone(table.substr(0, table.find('.')));
  return found->second.contains(std::string(everything)) || found->second.contains(zone) ||
         found->second.contains(std::string(table));
}

}  // namespace waybill::app

#include "serve/router.h"

#include <algorithm>

#include "base/check.h"

namespace waybill::serve {
namespace {

std::string_view without_end_slash(std::string_view path) {
  return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

// Takes the first segment off a path that begins with a slash.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool matches(const std::vector<std::string>& segments, std::string_view path, std::vector<std::string>& params) {
  params.clear();
  for (const std::string& expected : segments) {
    if (path.empty()) return false;
    const std::string_view segment = take_segment(path);
    if (expected.empty()) {
      if (segment.empty()) return false;
      params.push_back(percent_decoded(segment, Plus::kept));
    } else if (segment != expected) {
      return false;
    }
  }
  return path.empty();
}

bool has_one_of(std::string_view query, const std::vector<std::string_view>& names) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (std::ranges::find(names, pair.substr(0, pair.find('='))) != names.end()) return true;
  }
  return false;
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (size_t i = 0; i < routes_.size(); ++i) {
    const std::string_view path = without_end_slash(routes_[i].pattern);
    CHECK(path.starts_with('/'), "a route's pattern begins with a slash");
    if (path.find('{') == std::string_view::npos) {
      plain_[std::string(path)].push_back(i);
      continue;
    }
    std::vector<std::string> segments;
    for (std::string_view rest = path; !rest.empty();) {
      const std::string_view segment = take_segment(rest);
      segments.emplace_back(segment.starts_with('{') ? "" : segment);
    }
    const auto same = std::ranges::find(patterns_, segments, &Pattern::segments);
    if (same == patterns_.end())
      patterns_.push_back({std::move(segments), {i}});
    else
      same->routes.push_back(i);
  }
}

Router::Found Router::choose(const std::vector<size_t>& candidates, Method method, std::string_view query) const {
  const Method wanted = method == Method::head ? Method::get : method;
  Found found;
  for (const size_t index : candidates)
    if (const Route& route = routes_[index];
        route.method == wanted && !route.told_by.empty() && has_one_of(query, route.told_by))
      return {.route = &route, .allow = {}};
  for (const size_t index : candidates) {
    if (!routes_[index].told_by.empty()) continue;
    if (routes_[index].method == wanted) return {.route = &routes_[index], .allow = {}};
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += to_string(routes_[index].method);
    if (routes_[index].method == Method::get) found.allow += ", HEAD";
  }
  return found;
}

Router::Found Router::find(Method method, std::string_view path, std::string_view query,
                           std::vector<std::string>& params) const {
  params.clear();
  path = without_end_slash(path);
  if (!path.starts_with('/')) return {};
  if (const auto plain = plain_.find(path); plain != plain_.end()) return choose(plain->second, method, query);
  for (const Pattern& pattern : patterns_)
    if (matches(pattern.segments, path, params)) return choose(pattern.routes, method, query);
  return {};
}

}  // namespace waybill::serve

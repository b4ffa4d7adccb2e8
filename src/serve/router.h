// serve/router.h — which route a method and a path mean.
//
// Threads: const after construction.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "serve/http.h"

namespace waybill::serve {

class Router {
 public:
  // A path without {…} goes before a pattern that would match it too. Of two routes of the same method and pattern one is told by
  // the query, else they are a programmer's mistake.
  explicit Router(std::vector<Route> routes);

  struct Found {
    const Route* route = nullptr;  // null: no such path, or only with the methods in `allow`
    std::string allow;  // "GET, HEAD", empty where there is no such path
  };
  Found find(Method method, std::string_view path, std::string_view query, std::vector<std::string>& params) const;

  const std::vector<Route>& routes() const { return routes_; }
  size_t index_of(const Route& route) const { return static_cast<size_t>(&route - routes_.data()); }

 private:
  struct Pattern {
    std::vector<std::string> segments;  // empty: {…}
    std::vector<size_t> routes;
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  Found choose(const std::vector<size_t>& candidates, Method method, std::string_view query) const;

  std::vector<Route> routes_;
  std::unordered_map<std::string, std::vector<size_t>, TextHash, std::equal_to<>> plain_;
  std::vector<Pattern> patterns_;
};

}  // namespace waybill::serve

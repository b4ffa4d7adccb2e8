// serve/parameters.h — a request's query parameters as the values they stand for; the first bad one is remembered.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "domain/geo.h"
#include "domain/order.h"
#include "serve/http.h"
#include "serve/problem.h"

namespace waybill::serve {

class Parameters {
 public:
  explicit Parameters(const Request& request) : request_(request) {}

  // Nothing where it is missing or bad.
  std::optional<Time> time(std::string_view name, Duration naive_offset) const;
  std::optional<OrderState> order_state(std::string_view name) const;
  std::optional<Box> box(std::string_view name) const;  // minLon,minLat,maxLon,maxLat
  // 1 … most.
  size_t count(std::string_view name, size_t otherwise, size_t most) const;

  template <class Enum>
  Enum choice(std::string_view name, const std::vector<std::pair<std::string_view, Enum>>& choices,
              Enum otherwise) const {
    const auto given = request_.query_value(name);
    if (!given) return otherwise;
    std::string expected = "one of";
    for (const auto& [word, value] : choices) {
      if (*given == word) return value;
      expected.append(" ").append(word);
    }
    refuse(name, expected);
    return otherwise;
  }

  const std::optional<Reply>& bad() const { return bad_; }

 private:
  void refuse(std::string_view name, std::string_view expected) const {
    if (!bad_) bad_ = bad_parameter(name, expected);
  }

  const Request& request_;
  mutable std::optional<Reply> bad_;  // told at the end, so that the readers stay simple
};

}  // namespace waybill::serve

// app/bench/requests.h — what is asked of the server that is measured: whole HTTP requests, rendered once, of which each time only
// the digits that differ are overwritten.
//
// Invariant: no two locations of a run are alike, and the fix times of one order ascend with the request's number.
// Threads:   all methods from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::app::bench {

struct Target {
  std::string host = "127.0.0.1";
  std::string port = "5000";
  std::string bearer{};
};
// http://HOST[:PORT]; invalid: anything else. The load generator speaks plain HTTP.
Result<Target> target_of(std::string_view url, std::string bearer);

struct Answer {
  int status = 0;
  std::string_view body{};
};

// One kind of request.
class Requests {
 public:
  virtual ~Requests() = default;
  // `request` is empty, or what a render() of the same Requests left there.
  virtual void render(std::string& request, uint64_t number) const = 0;
  virtual bool good(const Answer& answer) const = 0;
  virtual uint64_t locations() const = 0;  // that one POST holds
};

enum class Form : uint8_t { object, array, ndjson };

inline constexpr uint32_t orders_max = 1'000;  // that take turns
inline constexpr uint32_t runs_max = 1'000'000;
inline constexpr size_t location_bytes = 200;

struct PostOptions {
  Form form = Form::object;
  uint32_t items = 1;  // of one request, at most orders_max: the first of them for order 0, the next for order 1 …
  uint32_t orders = orders_max;  // where a request has one item: they take turns
  uint32_t run = 0;  // stands in the names of its orders; below runs_max
};
std::unique_ptr<Requests> post_locations(const Target& target, const PostOptions& options);

std::string order_name(uint32_t order, uint32_t run);  // "o-0007-000001"
std::unique_ptr<Requests> get_last(const Target& target, uint32_t run);  // of the orders in turns
std::unique_ptr<Requests> get_track(const Target& target, uint32_t run,
                                    uint32_t points);  // of order 0, which has so many
std::string get_text(const Target& target, std::string_view path);

// For somebody who waits to see it: a location of order 0 whose attribute sent_us says when it was sent.
std::string probe_text(const Target& target, uint32_t run, uint64_t number, uint64_t sent_us);

}  // namespace waybill::app::bench

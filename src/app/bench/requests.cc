#include "app/bench/requests.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace waybill::app::bench {
namespace {

constexpr std::string_view day = "2026-01-05T";
constexpr size_t time_of_day_bytes = 15;  // "00:00:00.000000"
constexpr size_t order_digits = 4;
constexpr int ok = 200;

void put_digits(char* at, uint64_t number, size_t digits) {
  constexpr uint64_t ten = 10;
  for (size_t i = digits; i > 0; --i, number /= ten) at[i - 1] = static_cast<char>('0' + number % ten);
}

// One microsecond later than that of the number before; begins again after a day of them, which no run lasts.
void put_time_of_day(char* at, uint64_t number) {
  constexpr uint64_t second = 1'000'000;
  constexpr uint64_t minute = 60;
  constexpr uint64_t hours = 24;
  std::memcpy(at, "00:00:00.000000", time_of_day_bytes);
  const uint64_t seconds = number / second;
  put_digits(at, seconds / (minute * minute) % hours, 2);
  put_digits(at + 3, seconds / minute % minute, 2);
  put_digits(at + 6, seconds % minute, 2);
  put_digits(at + 9, number % second, 6);
}

std::string text_of(const char* format, unsigned first, unsigned second) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, first, second);
  return text.data();
}

std::string location_of(uint32_t order, uint32_t run) {
  std::string text = "{\"order_id\":\"" + order_name(order, run) + "\",\"deliverer_id\":\"" +
                     text_of("d-%04u", order, 0) + "\",\"delivery_state\":\"on_the_way\",\"timestamp\":\"";
  text += day;
  text += "00:00:00.000000Z\",\"latitude\":" + text_of("41.%08u", order, 0) +
          ",\"longitude\":-8.6100000,\"accuracy\":4.50,\"speed\":7.250}";
  return text;
}

std::string head_of(const Target& target, std::string_view method, std::string_view path) {
  std::string text;
  text.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: ").append(target.host).append("\r\n");
  if (!target.bearer.empty()) text.append("Authorization: Bearer ").append(target.bearer).append("\r\n");
  return text;
}

std::string post_text(const Target& target, std::string_view type, std::string_view body) {
  std::string text = head_of(target, "POST", "/v1/locations");
  text.append("Content-Type: ").append(type).append("\r\nContent-Length: ").append(std::to_string(body.size()));
  text.append("\r\n\r\n").append(body);
  return text;
}

class Posts final : public Requests {
 public:
  Posts(const Target& target, const PostOptions& options) : options_(options) {
    CHECK(options.items > 0 && options.items <= orders_max && options.orders > 0 && options.orders <= orders_max,
          "the names of orders have four digits");
    CHECK(options.run < runs_max, "the name of a run has six digits");
    std::string body;
    for (uint32_t item = 0; item < options.items; ++item) {
      if (options.form == Form::array) body += item == 0 ? '[' : ',';
      body += location_of(item, options.run);
      if (options.form == Form::ndjson) body += '\n';
    }
    if (options.form == Form::array) body += ']';
    text_ = post_text(target, options.form == Form::ndjson ? "application/x-ndjson" : "application/json", body);
    times_ = places_of(day, day.size());
    orders_ = places_of("\"order_id\":\"o-", sizeof "\"order_id\":\"o-" - 1);
    deliverers_ = places_of("\"deliverer_id\":\"d-", sizeof "\"deliverer_id\":\"d-" - 1);
  }

  void render(std::string& request, uint64_t number) const override {
    if (request.empty()) request = text_;
    std::array<char, time_of_day_bytes> time{};
    put_time_of_day(time.data(), number);
    for (const size_t place : times_) std::memcpy(request.data() + place, time.data(), time.size());
    if (options_.items > 1) return;
    put_digits(request.data() + orders_.front(), number % options_.orders, order_digits);
    put_digits(request.data() + deliverers_.front(), number % options_.orders, order_digits);
  }

  bool good(const Answer& answer) const override {
    if (answer.status != ok) return false;
    return options_.form == Form::object || answer.body.find("\"failed\":0") != std::string_view::npos;
  }
  uint64_t locations() const override { return options_.items; }

 private:
  std::vector<size_t> places_of(std::string_view mark, size_t behind) const {
    std::vector<size_t> places;
    for (size_t at = text_.find(mark); at != std::string::npos; at = text_.find(mark, at + 1))
      places.push_back(at + behind);
    return places;
  }

  PostOptions options_;
  std::string text_;
  std::vector<size_t> times_, orders_, deliverers_;
};

class GetLast final : public Requests {
 public:
  GetLast(const Target& target, uint32_t run)
      : text_(get_text(target, "/v1/deliverer_location/last/" + order_name(0, run))), place_(text_.find("o-") + 2) {}
  void render(std::string& request, uint64_t number) const override {
    if (request.empty()) request = text_;
    put_digits(request.data() + place_, number % orders_max, order_digits);
  }
  bool good(const Answer& answer) const override {
    return answer.status == ok && answer.body.find("\"latitude\":41") != std::string_view::npos;
  }
  uint64_t locations() const override { return 0; }

 private:
  std::string text_;
  size_t place_;
};

class GetTrack final : public Requests {
 public:
  GetTrack(const Target& target, uint32_t run, uint32_t points)
      : text_(get_text(target, "/v1/orders/" + order_name(0, run) + "/track?limit=" + std::to_string(points))),
        points_(points) {}
  void render(std::string& request, uint64_t) const override {
    if (request.empty()) request = text_;
  }
  bool good(const Answer& answer) const override {
    constexpr std::string_view mark = "\"timestamp\":";
    size_t found = 0;
    for (size_t at = answer.body.find(mark); at != std::string_view::npos; at = answer.body.find(mark, at + 1)) ++found;
    return answer.status == ok && found == points_;
  }
  uint64_t locations() const override { return 0; }

 private:
  std::string text_;
  uint32_t points_;
};

}  // namespace

Result<Target> target_of(std::string_view url, std::string bearer) {
  constexpr std::string_view scheme = "http://";
  std::string_view rest = url;
  const auto refuse = [&] {
    return fail(Code::invalid,
                "--url is '" + std::string(url) + "', expected http://HOST:PORT; bench speaks plain HTTP");
  };
  if (!rest.starts_with(scheme)) return refuse();
  rest.remove_prefix(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  Target target{.port = "80", .bearer = std::move(bearer)};
  const size_t bracket = rest.find(']');  // of an IPv6 address
  const size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) target.port = rest.substr(colon + 1);
  target.host = rest.substr(0, colon);
  constexpr size_t port_digits_max = 5;
  if (target.host.empty() || target.host.find_first_of("/?#@ \r\n") != std::string::npos || target.port.empty() ||
      target.port.size() > port_digits_max || target.port.find_first_not_of("0123456789") != std::string::npos)
    return refuse();
  if (target.host.starts_with('[') && target.host.ends_with(']'))
    target.host = target.host.substr(1, target.host.size() - 2);
  return target;
}

std::unique_ptr<Requests> post_locations(const Target& target, const PostOptions& options) {
  return std::make_unique<Posts>(target, options);
}
std::unique_ptr<Requests> get_last(const Target& target, uint32_t run) {
  return std::make_unique<GetLast>(target, run);
}
std::unique_ptr<Requests> get_track(const Target& target, uint32_t run, uint32_t points) {
  return std::make_unique<GetTrack>(target, run, points);
}

std::string order_name(uint32_t order, uint32_t run) { return text_of("o-%04u-%06u", order, run); }

std::string get_text(const Target& target, std::string_view path) { return head_of(target, "GET", path) + "\r\n"; }

std::string probe_text(const Target& target, uint32_t run, uint64_t number, uint64_t sent_us) {
  std::string body = location_of(0, run);
  put_time_of_day(body.data() + body.find(day) + day.size(), number);
  body.insert(body.size() - 1, ",\"sent_us\":" + std::to_string(sent_us));
  return post_text(target, "application/json", body);
}

}  // namespace waybill::app::bench

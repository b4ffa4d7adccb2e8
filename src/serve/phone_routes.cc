#include <algorithm>
#include <array>
#include <span>

#include "serve/incoming.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

using wire::PhoneApp;
using wire::PhoneWord;

constexpr std::array apps = {PhoneApp::owntracks, PhoneApp::osmand, PhoneApp::overland, PhoneApp::transistor,
                             PhoneApp::mds};
constexpr std::string_view no_field = "form";  // the reason where no field is to blame
constexpr std::string_view text_plain = "text/plain; charset=utf-8";
// Where a phone's id stands in a query.
constexpr std::array<std::string_view, 3> id_parameters = {"id", "deviceid", "device_id"};
// Credentials are nobody's field: they stand in no attribute and no quarantine.
constexpr std::array<std::string_view, 2> secret_parameters = {"token", "link"};

// What came of the messages of one app.
struct PhoneCounters {
  Counter* locations;
  Counter* quarantined;
  std::array<Counter*, 3> words;  // by PhoneWord::Kind
};

Counter& quarantined_by(Metrics& metrics, PhoneApp app, const std::string& reason) {
  return metrics.counter("waybill_phones_quarantined_total", "what phones sent that makes no sense, by app and reason",
                         {{"app", std::string(to_string(app))}, {"reason", reason}});
}

PhoneCounters counters_of(Metrics& metrics, PhoneApp app) {
  const auto counter = [&](const std::string& kind) {
    return &metrics.counter("waybill_phones_messages_total", "what phones sent, by app and what it was",
                            {{"app", std::string(to_string(app))}, {"kind", kind}});
  };
  quarantined_by(metrics, app, std::string(no_field));  // there from the start, so that it can be watched
  return {.locations = counter("location"),
          .quarantined = counter("quarantined"),
          .words = {counter("heartbeat"), counter("status"), counter("other")}};
}

// What a message holds, on its way into the journal.
class PhoneArriving final : public wire::PhoneSink {
 public:
  PhoneArriving(const ApiParts& parts, const Request& request, PhoneApp app)
      : options(input_options(parts, request)),
        batch(empty_batch(parts.acceptor)),
        parts_(parts),
        request_(request),
        app_(app) {}

  void take(Location& location) override {
    if (auto refused = what_others_carry(parts_, request_, location)) {
      tell_denied(parts_, request_, *refused);
      return quarantine("locations", std::move(*refused));  // as we would write it
    }
    batch.add(location);
    ++locations;
  }
  void take(wire::ItemFailure failure) override { quarantine(to_string(app_), std::move(failure)); }
  void hear(PhoneWord word) override { words.push_back(std::move(word)); }

  const wire::InputOptions options;
  ingest::Batch& batch;
  size_t locations = 0;
  std::vector<wire::ItemFailure> failures;
  std::vector<PhoneWord> words;

 private:
  void quarantine(std::string_view source, wire::ItemFailure failure) {
    batch.add(wire::Record(wire::Quarantined{.source = std::string(source),
                                             .field = failure.field,
                                             .reason = failure.reason,
                                             .raw = failure.raw,
                                             .received_at = options.received_at}));
    if (app_ != PhoneApp::mds) failure.raw = {};  // only its answer repeats it
    failures.push_back(std::move(failure));
  }

  const ApiParts& parts_;
  const Request& request_;
  const PhoneApp app_;
};

std::string first_of(const Request& request, std::span<const std::string_view> names) {
  for (const std::string_view name : names)
    if (auto value = request.query_value(name); value && !value->empty()) return std::move(*value);
  return {};
}

// As OwnTracks' Recorder takes it: the query, else the headers that a proxy sets.
wire::PhoneSender owntracks_sender(const Request& request) {
  const auto said = [&](std::string_view parameter, std::string_view header) {
    const auto value = request.query_value(parameter);
    return value && !value->empty() ? *value : std::string(request.header(header));
  };
  return {.user = said("u", "X-Limit-U"), .device = said("d", "X-Limit-D")};
}

std::vector<wire::NamedText> parameters_of(std::string_view text) {
  auto parameters = named_values(text);
  std::erase_if(parameters, [](const auto& parameter) {
    return std::ranges::find(secret_parameters, parameter.first) != secret_parameters.end();
  });
  return parameters;
}

bool is_json(const Request& request, std::string_view body) {
  const size_t begin = body.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos &&
         (is_of_type(request.header("Content-Type"), "application/json") || body[begin] == '{' || body[begin] == '[');
}

Reply too_many(const Error& error) {
  return reply_of(Problem{.status = 413,
                          .detail = "the body " + error.message,
                          .field = "body",
                          .expected = "at most " + std::to_string(wire::items_max) + " items"});
}

class Phones {
 public:
  explicit Phones(const ApiParts& parts) : parts_(parts) {
    for (const PhoneApp app : apps) counters_[static_cast<size_t>(app)] = counters_of(parts.metrics, app);
  }

  // At the path that phones of many apps are set to: told apart by what they send.
  Reply any(const Request& request) {
    return with_body(request, PhoneApp::osmand, [&](std::string_view body) {
      const auto app = is_json(request, body) ? parser().app_of(body) : std::nullopt;
      return take(app.value_or(PhoneApp::osmand), request, body);
    });
  }
  Reply of(PhoneApp app, const Request& request) {
    return with_body(request, app, [&](std::string_view body) { return take(app, request, body); });
  }

 private:
  // Each thread keeps its parser, with the buffers that the last bodies needed.
  wire::PhoneParser& parser() const {
    thread_local std::pair<const wire::Passphrases*, std::unique_ptr<wire::PhoneParser>> one;
    if (!one.second || one.first != parts_.passphrases)
      one = {parts_.passphrases, std::make_unique<wire::PhoneParser>(parts_.passphrases)};
    return *one.second;
  }

  // HEAD asks what GET would answer, and sends nothing. What cannot be unpacked makes no sense, as any other body.
  template <class Take>
  Reply with_body(const Request& request, PhoneApp app, const Take& take_body) {
    if (request.method == Method::head) return answer(app, {}, 0);
    std::string unpacked;
    const auto body = plain_body(request, unpacked);
    if (body) return take_body(*body);
    if (body.error().status == 413) return body.error();
    PhoneArriving arriving(parts_, request, app);
    arriving.take(wire::ItemFailure{.field = {},
                                    .reason = "cannot be unpacked as Content-Encoding says",
                                    .raw = std::string(request.body.substr(0, wire::item_bytes_max))});
    return keep(app, arriving);
  }

  Reply take(PhoneApp app, const Request& request, std::string_view body) {
    PhoneArriving arriving(parts_, request, app);
    const Result<void> read = read_body(app, request, body, arriving);
    if (!read) {
      parts_.acceptor.count_rejected(1);
      return too_many(read.error());
    }
    return keep(app, arriving);
  }

  Result<void> read_body(PhoneApp app, const Request& request, std::string_view body, PhoneArriving& arriving) const {
    const wire::PhoneSender sender{.user = first_of(request, id_parameters), .device = {}};
    switch (app) {
      case PhoneApp::owntracks: return parser().owntracks(body, owntracks_sender(request), arriving.options, arriving);
      case PhoneApp::overland: return parser().overland(body, sender, arriving.options, arriving);
      case PhoneApp::transistor: return parser().transistor(body, sender, arriving.options, arriving);
      case PhoneApp::mds: return parser().mds(body, sender, arriving.options, arriving);
      case PhoneApp::osmand: break;
    }
    auto parameters = parameters_of(request.query);
    if (is_json(request, body)) return parser().osmand_json(body, parameters, arriving.options, arriving);
    auto form = parameters_of(body);
    parameters.insert(parameters.end(), std::make_move_iterator(form.begin()), std::make_move_iterator(form.end()));
    return parser().osmand(parameters, arriving.options, arriving);
  }

  Reply keep(PhoneApp app, PhoneArriving& arriving) {
    for (const PhoneWord& word : arriving.words)
      if (parts_.phone_words)
        parts_.phone_words->hear(word, parts_.store, arriving.options.received_at, arriving.batch);
    Reply reply = answer(app, arriving.failures, arriving.locations + arriving.failures.size());
    if (arriving.batch.size() > 0) {
      const Result<journal::Appended> kept = parts_.acceptor.accept(arriving.batch);
      if (!kept) return reply_of(kept.error());
      reply.after = kept->first + kept->count;
    }
    count(app, arriving);
    return reply;
  }

  void count(PhoneApp app, const PhoneArriving& arriving) {
    const PhoneCounters& counters = counters_[static_cast<size_t>(app)];
    counters.locations->add(arriving.locations);
    counters.quarantined->add(arriving.failures.size());
    for (const PhoneWord& word : arriving.words) counters.words[static_cast<size_t>(word.kind)]->add();
    for (const wire::ItemFailure& failure : arriving.failures)
      quarantined_by(parts_.metrics, app, failure.field.empty() ? std::string(no_field) : failure.field).add();
  }

  // Exactly what lets the app forget what it sent.
  static Reply answer(PhoneApp app, std::span<const wire::ItemFailure> failures, size_t total) {
    switch (app) {
      case PhoneApp::owntracks: return {.status = 200, .body = "[]"};
      case PhoneApp::osmand: return {.status = 200, .body = {}, .content_type = text_plain};
      case PhoneApp::overland: return {.status = 200, .body = R"({"result":"ok"})"};
      case PhoneApp::transistor: return {.status = 200, .body = "{}"};
      case PhoneApp::mds: break;
    }
    wire::JsonWriter json;
    wire::JsonChecker checker;
    json.begin_object().key("success").integer(static_cast<int64_t>(total - failures.size()));
    json.key("total").integer(static_cast<int64_t>(total)).key("failures").begin_array();
    for (const wire::ItemFailure& failure : failures) {
      json.begin_object().key("item");
      if (checker.check(failure.raw))
        json.raw(failure.raw);
      else
        json.text(failure.raw);
      json.key("error").text(failure.missing ? "missing_param" : "bad_param");
      json.key("error_description").text(failure.field + " " + failure.reason).end_object();
    }
    json.end_array().end_object();
    return {.status = 201, .body = json.take()};
  }

  const ApiParts parts_;
  std::array<PhoneCounters, apps.size()> counters_{};
};

}  // namespace

std::vector<Route> phone_routes(const ApiParts& parts) {
  const auto phones = std::make_shared<Phones>(parts);  // shared by the handlers of these routes
  std::vector<Route> routes;
  const auto add = [&](Method method, std::string pattern, std::function<Reply(const Request&)> handler,
                       std::vector<std::string_view> told_by = {}) {
    routes.push_back({.method = method,
                      .act = Act::write,
                      .pattern = std::move(pattern),
                      .handler = std::move(handler),
                      .told_by = std::move(told_by),
                      .where = Where::by_body});
  };
  const auto of = [&](PhoneApp app) {
    return [phones, app](const Request& request) { return phones->of(app, request); };
  };
  const auto any = [phones](const Request& request) { return phones->any(request); };
  for (const char* path : {"/pub", "/owntracks"}) add(Method::post, path, of(PhoneApp::owntracks));
  for (const Method method : {Method::get, Method::post}) add(method, "/osmand", any);
  add(Method::post, "/", any);
  add(Method::get, "/", of(PhoneApp::osmand), {"id", "deviceid"});  // without them it is the page
  add(Method::post, "/overland", of(PhoneApp::overland));
  add(Method::post, "/transistor", of(PhoneApp::transistor));
  add(Method::post, "/mds/telemetry", of(PhoneApp::mds));
  return routes;
}

}  // namespace waybill::serve

#include <algorithm>

#include "serve/api.h"
#include "serve/incoming.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/tables_in.h"

namespace waybill::serve {
namespace {

enum class Detail { failures, all };  // all: the answer has a row for every item

constexpr std::string_view body_forms = "application/json, application/x-ndjson or text/csv";
constexpr std::string_view problem_type = "application/problem+json";
constexpr size_t idempotency_key_bytes_max = 100;  // with "#" and the item's number it is a client id

// Each thread keeps its parser, with the buffers that the last bodies needed.
wire::InputParser& parser() {
  thread_local wire::InputParser one;
  return one;
}

Result<wire::BodyForm> form_of(std::string_view content_type) {
  for (std::string_view type :
       {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
    if (is_of_type(content_type, type)) return wire::BodyForm::ndjson;
  if (is_of_type(content_type, "text/csv")) return wire::BodyForm::csv;
  for (std::string_view type : {"", "application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"})
    if (is_of_type(content_type, type)) return wire::BodyForm::json;
  return fail(Code::invalid, "Content-Type");
}

// The client's own name of this request; empty where it gives none.
std::expected<std::string, Reply> idempotency_key(const Request& request) {
  const std::string_view key = request.header("Idempotency-Key");
  if (key.empty()) return std::string();
  Result<std::string> id = wire::checked_id(key);
  if (id && key.size() <= idempotency_key_bytes_max) return std::move(*id);
  const std::string expected =
      "a text of at most " + std::to_string(idempotency_key_bytes_max) + " bytes of UTF-8 without control characters";
  return std::unexpected(reply_of(Problem{.status = 400,
                                          .detail = "Idempotency-Key is not " + expected,
                                          .field = "Idempotency-Key",
                                          .expected = expected}));
}

Problem bad_body(const Error& error) {
  return {
      .status = 400, .detail = error.message, .field = "body", .expected = "what Content-Type says, whole and valid"};
}

class Writes {
 public:
  explicit Writes(const ApiParts& parts) : parts_(parts) {}

  Reply first_system(const Request& request) {
    std::string unpacked;
    const auto body = plain_body(request, unpacked);
    if (!body) return body.error();
    const auto item = parser().first_system(*body, input_options(parts_, request));
    if (!item) return rejected(1, bad_body(item.error()));
    if (const auto* failure = std::get_if<wire::ItemFailure>(&*item)) return rejected_item(request, *failure);
    const Location& location = std::get<Location>(*item);
    if (const auto refused = what_others_carry(parts_, request, location)) return rejected_item(request, *refused);
    ingest::Batch& batch = empty_batch(parts_.acceptor);
    batch.add(location);
    const Result<journal::Appended> kept = parts_.acceptor.accept(batch);
    if (!kept) return reply_of(kept.error());
    return {.status = 200, .body = R"({"status":"OK"})", .after = kept->first + kept->count};
  }

  Reply locations(const Request& request) {
    const auto form = form_of(request.header("Content-Type"));
    if (!form) return unsupported("Content-Type", body_forms);
    return batch<Location>(request, "locations", [&](std::string_view body, const auto& options, auto& sink) {
      return parser().locations(body, *form, options, sink);
    });
  }

  Reply orders(const Request& request) {
    const auto form = form_of(request.header("Content-Type"));
    if (!form) return unsupported("Content-Type", body_forms);
    return batch<OrderCommand>(request, "orders", [&](std::string_view body, const auto& options, auto& sink) {
      return parser().orders(body, *form, options, sink);
    });
  }

  // A whole ride in a file. What it is made of are locations of ours by then, also in quarantine.
  Reply ride(const Request& request) {
    return batch<Location>(
        request, "locations",
        [&](std::string_view body, const wire::InputOptions& options, wire::ItemSink<Location>& sink) -> Result<void> {
          const wire::RideOwner owner{.deliverer = options.deliverer.empty()
                                                       ? request.query_value("deliverer_id").value_or("")
                                                       : options.deliverer,
                                      .order = request.query_value("order_id").value_or("")};
          const size_t begin = body.find_first_not_of(" \t\r\n\xef\xbb\xbf");
          body.remove_prefix(std::min(begin, body.size()));
          const bool xml = body.starts_with('<');
          TRY_LET(const auto points,
                  xml ? wire::gpx_ride_to_json(body, owner) : wire::geojson_ride_to_json(body, owner));
          if (points.empty()) return fail(Code::invalid, "the ride has no points");
          std::string json = "[";
          for (const std::string& point : points) json.append(point).append(",");
          json.back() = ']';
          return parser().locations(json, wire::BodyForm::json, options, sink);
        });
  }

  Reply command(OrderCommand::Kind kind, const Request& request) {
    const Result<std::string> id = wire::checked_id(request.params.at(0));
    if (!id)
      return rejected(
          1, Problem{.status = 400, .detail = id.error().message, .field = "order_id", .expected = id.error().message});
    const auto key = idempotency_key(request);
    if (!key) return key.error();
    wire::InputOptions options = input_options(parts_, request);
    options.idempotency_key = *key;
    std::string unpacked;
    const auto body = plain_body(request, unpacked);
    if (!body) return body.error();
    const auto item = parser().order_command(kind, OrderId(*id), *body, options);
    if (!item) return rejected(1, bad_body(item.error()));
    if (const auto* failure = std::get_if<wire::ItemFailure>(&*item)) return rejected_item(request, *failure);
    const wire::Record record = std::get<OrderCommand>(*item);
    const Result<journal::Appended> kept = parts_.acceptor.accept({&record, 1});
    if (!kept) return reply_of(kept.error());
    wire::JsonWriter writer;
    writer.begin_object().key("status").text("OK").key("position").text(position(kept->first)).end_object();
    return {.status = 200, .body = writer.take(), .after = kept->first + kept->count};
  }

 private:
  std::string position(uint64_t offset) const { return to_string(parts_.journal.position(offset)); }

  Reply rejected(uint64_t items, const Problem& problem) {
    parts_.acceptor.count_rejected(items);
    return reply_of(problem);
  }

  Reply rejected_item(const Request& request, const wire::ItemFailure& failure) {
    tell_denied(parts_, request, failure);
    return rejected(1, Problem{.status = failure.denied    ? 403
                                         : failure.missing ? 422
                                                           : 400,
                               .detail = failure.field.empty() ? failure.reason : failure.field + ": " + failure.reason,
                               .field = field_of(failure),
                               .expected = failure.reason});
  }
  static std::string field_of(const wire::ItemFailure& failure) {
    return failure.field.empty() ? "body" : failure.field;
  }

  // What a body holds, on its way into the journal: each item is a record, the failed ones in quarantine.
  template <class T>
  class Arriving final : public wire::ItemSink<T> {
   public:
    Arriving(const Writes& writes, const Request& request, std::string_view source, Time received_at)
        : batch(empty_batch(writes.parts_.acceptor)),
          writes_(writes),
          request_(request),
          source_(source),
          received_at_(received_at) {}

    void take(T& item) override {
      if constexpr (std::is_same_v<T, Location>) {
        if (auto refused = what_others_carry(writes_.parts_, request_, item)) return take(std::move(*refused));
        batch.add(item);
      } else {
        batch.add(wire::Record(std::move(item)));
      }
    }
    void take(wire::ItemFailure failure) override {
      failed_at.push_back(batch.size());
      all_missing = all_missing && failure.missing;
      all_denied = all_denied && failure.denied;
      batch.add(wire::Record(wire::Quarantined{.source = std::string(source_),
                                               .field = failure.field,
                                               .reason = failure.reason,
                                               .raw = std::exchange(failure.raw, {}),
                                               .received_at = received_at_}));
      failures.push_back(std::move(failure));
    }

    ingest::Batch& batch;
    std::vector<wire::ItemFailure> failures;  // without the items themselves
    std::vector<size_t> failed_at;
    bool all_missing = true;
    bool all_denied = true;

   private:
    const Writes& writes_;
    const Request& request_;
    const std::string_view source_;
    const Time received_at_;
  };

  // `read` gives the items of the body to the sink.
  template <class T, class Read>
  Reply batch(const Request& request, std::string_view source, const Read& read) {
    const auto key = idempotency_key(request);
    if (!key) return key.error();
    const Parameters parameters(request);
    const Detail detail =
        parameters.choice<Detail>("detail", {{"failures", Detail::failures}, {"all", Detail::all}}, Detail::failures);
    if (parameters.bad()) return *parameters.bad();
    wire::InputOptions options = input_options(parts_, request);
    options.idempotency_key = *key;
    std::string unpacked;
    const auto body = plain_body(request, unpacked);
    if (!body) return body.error();
    Arriving<T> arriving(*this, request, source, options.received_at);
    if (const Result<void> done = read(*body, options, arriving); !done) return rejected(1, bad_body(done.error()));
    for (const wire::ItemFailure& failure : arriving.failures) tell_denied(parts_, request, failure);
    return keep(arriving, detail);
  }

  // All items are kept, the failed ones in quarantine; nothing is, where no item is good.
  template <class T>
  Reply keep(const Arriving<T>& arriving, Detail detail) {
    const size_t items = arriving.batch.size();
    const auto& failures = arriving.failures;
    if (failures.size() == items && items != 0) {
      parts_.acceptor.count_rejected(items);
      const int status = arriving.all_denied ? 403 : arriving.all_missing ? 422 : 400;
      return {.status = status,
              .body = totals(items, failures, arriving.failed_at, std::nullopt, Detail::failures, status),
              .content_type = problem_type};
    }
    if (items == 0) return {.status = 200, .body = totals(0, failures, arriving.failed_at, std::nullopt, detail)};
    const Result<journal::Appended> kept = parts_.acceptor.accept(arriving.batch);
    if (!kept) return reply_of(kept.error());
    return {.status = 200,
            .body = totals(items, failures, arriving.failed_at, kept->first, detail),
            .after = kept->first + kept->count};
  }

  // `first`: the offset of item 0, where they were kept.
  std::string totals(size_t items, const std::vector<wire::ItemFailure>& failures, const std::vector<size_t>& failed_at,
                     std::optional<uint64_t> first, Detail detail, int problem_status = 0) const {
    wire::JsonWriter writer;
    writer.begin_object();
    if (problem_status != 0) {
      writer.key("type").text("about:blank").key("title").text(reason_phrase(problem_status));
      writer.key("status").integer(problem_status).key("detail").text("no item of the body can be accepted");
      // Of the first one; the others are in failures.
      writer.key("field").text(field_of(failures.front())).key("expected").text(failures.front().reason);
    }
    writer.key("accepted").integer(static_cast<int64_t>(items - failures.size()));
    writer.key("failed").integer(static_cast<int64_t>(failures.size()));
    if (first) writer.key("first").text(position(*first)).key("last").text(position(*first + items - 1));
    writer.key("failures").begin_array();
    for (size_t i = 0; i < failures.size(); ++i) write_failure(writer, failed_at[i], failures[i], first);
    writer.end_array();
    if (detail == Detail::all) {
      writer.key("items").begin_array();
      for (size_t item = 0, failed = 0; item < items; ++item) {
        if (failed < failed_at.size() && failed_at[failed] == item) {
          write_failure(writer, item, failures[failed++], first);
          continue;
        }
        writer.begin_object().key("item").integer(static_cast<int64_t>(item));
        if (first) writer.key("position").text(position(*first + item));
        writer.end_object();
      }
      writer.end_array();
    }
    writer.end_object();
    return writer.take();
  }

  void write_failure(wire::JsonWriter& writer, size_t item, const wire::ItemFailure& failure,
                     std::optional<uint64_t> first) const {
    writer.begin_object().key("item").integer(static_cast<int64_t>(item));
    writer.key("field").text(failure.field);  // empty: the item as a whole
    writer.key("reason").text(failure.reason);
    if (first) writer.key("quarantined").text(position(*first + item));
    writer.end_object();
  }

  const ApiParts parts_;
};

}  // namespace

std::vector<Route> write_routes(const ApiParts& parts) {
  const auto writes = std::make_shared<Writes>(parts);  // shared by the handlers of these routes
  const auto post = [](std::string pattern, Act act, std::function<Reply(const Request&)> handler, Where where) {
    return Route{.method = Method::post,
                 .act = act,
                 .pattern = std::move(pattern),
                 .handler = std::move(handler),
                 .where = where};
  };
  std::vector<Route> routes{
      post(
          "/v1/deliverer_location", Act::write,
          [writes](const Request& request) { return writes->first_system(request); }, Where::by_body),
      post(
          "/v1/locations", Act::write, [writes](const Request& request) { return writes->locations(request); },
          Where::by_body),
      post(
          "/v1/rides", Act::write, [writes](const Request& request) { return writes->ride(request); }, Where::by_body),
      post(
          "/v1/orders", Act::command, [writes](const Request& request) { return writes->orders(request); },
          Where::by_body),
  };
  for (const auto kind : {OrderCommand::Kind::reassign, OrderCommand::Kind::close, OrderCommand::Kind::cancel})
    routes.push_back(post(
        "/v1/orders/{id}/" + std::string(to_string(kind)), Act::command,
        [writes, kind](const Request& request) { return writes->command(kind, request); }, Where::by_body));
  return routes;
}

}  // namespace waybill::serve

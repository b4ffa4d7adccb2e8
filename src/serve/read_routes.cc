#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "ingest/books.h"
#include "serve/api.h"
#include "serve/asked_for.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "serve/views.h"
#include "wire/json_out.h"
#include "wire/time_text.h"
#include "wire/track_out.h"

namespace waybill::serve {
namespace {

constexpr size_t quarantine_limit_usual = 100;
constexpr size_t quarantine_rows_at_once = 16;

enum class TrackForm { json, geojson, gpx, csv };

std::string tag_of(std::string_view body) { return '"' + to_hex(hash128(as_bytes(body))).substr(0, 20) + '"'; }

// 304 where the client has this body already.
Reply with_tag(const Request& request, std::string body, const std::string& tag) {
  Reply reply{.status = 200, .body = std::move(body)};
  reply.headers.emplace_back("ETag", tag);
  reply.headers.emplace_back("Cache-Control", "no-cache");
  const std::string_view known = request.header("If-None-Match");
  if (known == "*" || known.find(tag) != std::string_view::npos) {
    reply.status = 304;
    reply.body.clear();
  }
  return reply;
}

class Reads {
 public:
  explicit Reads(const ApiParts& parts) : parts_(parts), views_(parts_) {}

  Reply first_system_last(const Request& request) const {
    const auto view = order_view(request);
    if (!view) return view.error();
    wire::JsonWriter writer;
    writer.begin_object().key("data").begin_array();
    if (!of_customer(request)) {
      if (*view && (*view)->last) write_first_system(writer, *(*view)->last);
    } else if (*view) {
      const auto seen = views_.seen_by_customer(**view);
      if (!seen) return seen.error();
      if (seen->sight == Sight::exact && (*view)->last)
        write_first_system(writer, {.offset = 0, .location = Views::for_customer((*view)->last->location)});
    }
    writer.end_array().end_object();
    std::string body = writer.take();
    const std::string tag = tag_of(body);
    return with_tag(request, std::move(body), tag);
  }

  Reply order(const Request& request) const {
    const auto view = order_view(request);
    if (!view) return view.error();
    if (!*view) return unknown("order", request.params.at(0));
    if (of_customer(request)) return customers_order(**view);
    const Time now = parts_.clock.now();
    // The age in it grows with every request: what is compared is the order itself and whether it has become stale.
    const std::string timeless = views_.order(**view, (*view)->last ? (*view)->last->location.fix_time : now);
    return with_tag(request, views_.order(**view, now), tag_of(timeless + (views_.stale(**view, now) ? "s" : "")));
  }

  Reply deliverer(const Request& request) const {
    const auto id = asked_id(request);
    if (!id) return id.error();
    const auto view = parts_.store.deliverer(DelivererId(*id));
    if (!view) return reply_of(view.error());
    if (!*view) return unknown("deliverer", *id);
    return {.status = 200, .body = views_.deliverer(**view)};
  }

  Reply orders(const Request& request) const {
    const Parameters parameters(request);
    store::OrdersQuery query;
    query.state = parameters.order_state("state");
    query.box = parameters.box("bbox");
    query.updated_since = parameters.time("updated_since", parts_.options.naive_offset);
    query.limit = parameters.count("limit", query.limit, store::orders_limit_max);
    query.cursor = request.query_value("cursor").value_or("");
    if (parameters.bad()) return *parameters.bad();
    const Result<store::OrdersPage> page = parts_.store.orders(query);
    if (!page) return refused_query(page.error());
    const Time now = parts_.clock.now();
    wire::JsonWriter writer;
    writer.begin_object().key("orders").begin_array();
    for (const store::OrderView& view : page->orders) views_.write_order(writer, view, now);
    writer.end_array();
    write_cursor(writer, page->next_cursor);
    views_.write_as_of(writer);
    writer.end_object();
    return {.status = 200, .body = writer.take()};
  }

  Reply order_track(const Request& request) const {
    const auto view = order_view(request);
    if (!view) return view.error();
    if (!*view) return unknown("order", request.params.at(0));
    store::TrackQuery query;
    query.order = (*view)->order.id;
    std::optional<Time> not_before;
    if (of_customer(request)) {
      const auto seen = views_.seen_by_customer(**view);
      if (!seen) return seen.error();
      not_before = views_.trail_begin(**view, *seen);
    }
    wire::JsonWriter head;
    head.begin_object().key("order_id").id((*view)->order.id);
    return track(request, std::move(query), head, not_before);
  }

  Reply deliverer_track(const Request& request) const {
    const auto id = asked_id(request);
    if (!id) return id.error();
    const auto view = parts_.store.deliverer(DelivererId(*id));
    if (!view) return reply_of(view.error());
    if (!*view) return unknown("deliverer", *id);
    store::TrackQuery query;
    query.deliverer = (*view)->id;
    wire::JsonWriter head;
    head.begin_object().key("deliverer_id").id((*view)->id);
    return track(request, std::move(query), head);
  }

  Reply custody(const Request& request) const {
    const std::string& what = request.params.at(0);
    const std::optional<std::string> deliverer = request.query_value("deliverer_id");
    wire::JsonWriter writer;
    writer.begin_object().key("items").begin_array();
    bool found = false;
    const std::optional<Position> position = parse_position(what);
    if (position && is_known(*position) && position->offset < parts_.journal.durable_end()) {
      write_custody(writer, position->offset, {});
      found = true;
    } else {
      const auto places = parts_.store.find(what);
      if (!places) return reply_of(places.error());
      for (const store::Found& place : *places) {
        if (deliverer && place.scope != "d" + *deliverer) continue;
        write_custody(writer, place.offset, place.scope);
        found = true;
      }
    }
    if (!found && position) {
      if (auto gone = not_of_this_journal(*position)) return std::move(*gone);
    }
    if (!found) return unknown("location", what);
    writer.end_array();
    views_.write_as_of(writer);
    writer.end_object();
    return {.status = 200, .body = writer.take()};
  }

  // What was accepted and made no sense, as it came: to be looked at, and sent again once it does.
  Reply quarantine(const Request& request) const {
    const Parameters parameters(request);
    const size_t limit = parameters.count("limit", quarantine_limit_usual, quarantine_limit_max);
    if (parameters.bad()) return *parameters.bad();
    uint64_t next = 0;
    if (const auto cursor = request.query_value("cursor"); cursor && !cursor->empty()) {
      const std::optional<Position> position = parse_position(*cursor);
      if (!position || !is_known(*position)) return bad_parameter("cursor", "the next_cursor of the page before");
      next = position->offset;
    }
    wire::JsonWriter writer;
    writer.begin_object().key("items").begin_array();
    size_t items = 0, bytes = 0;
    do {
      const auto page = parts_.store.quarantined(next, std::min(limit - items, quarantine_rows_at_once));
      if (!page) return reply_of(page.error());
      for (const store::QuarantineRow& row : page->rows) {
        bytes += row.what.raw.size();
        writer.begin_object().key("position").text(to_string(parts_.journal.position(row.offset)));
        write_quarantined(writer, row.what);
        writer.key("received_at").time(row.what.received_at).end_object();
      }
      items += page->rows.size();
      next = page->next;
    } while (next != 0 && items < limit && bytes < quarantine_bytes_max);
    writer.end_array();
    write_cursor(writer, next == 0 ? std::string() : to_string(parts_.journal.position(next)));
    views_.write_as_of(writer);
    writer.end_object();
    return {.status = 200, .body = writer.take()};
  }

  // How many records there are and the sum of their identities, for another process that has the same journal to compare.
  Reply books(const Request& request) const {
    uint64_t below = std::numeric_limits<uint64_t>::max();
    if (const auto text = request.query_value("below")) {
      const std::optional<Position> position = parse_position(*text);
      if (!position || !is_known(*position)) return bad_parameter("below", "a position that this journal gave");
      below = position->offset;
    }
    const auto ledgers = parts_.store.ledgers();
    if (!ledgers) return reply_of(ledgers.error());
    const auto rows =
        ingest::book_rows([this](uint64_t offset, size_t bytes) { return parts_.journal.read(offset, bytes); },
                          parts_.journal.begin(), *ledgers, below);
    if (!rows) return reply_of(rows.error());
    wire::JsonWriter writer;
    writer.begin_object().key("books").begin_array();
    for (const ingest::BookRow& row : *rows) {
      writer.begin_object().key("from").text(to_string(parts_.journal.position(row.from)));
      writer.key("to").text(to_string(parts_.journal.position(row.to)));
      writer.key("records").integer(static_cast<int64_t>(row.sum.count)).key("identities").text(to_hex(row.sum.ids));
      writer.end_object();
    }
    writer.end_array();
    views_.write_as_of(writer);
    writer.end_object();
    return {.status = 200, .body = writer.take()};
  }

  // ?at_least=<position>: this must be visible before the answer.
  std::expected<uint64_t, Reply> at_least(const Request& request) const {
    const std::optional<std::string> text = request.query_value("at_least");
    if (!text) return 0;
    const std::optional<Position> position = parse_position(*text);
    if (position) {
      if (auto gone = not_of_this_journal(*position)) return std::unexpected(std::move(*gone));
    }
    if (!position || !is_known(*position))
      return std::unexpected(
          bad_parameter("at_least", "a position that this journal gave, as " + to_string(parts_.journal.position(0))));
    // The very last number has none behind it; nothing ever gets there either.
    return std::max(position->offset, position->offset + 1);
  }

 private:
  bool is_known(const Position& position) const {
    return position.partition == parts_.journal.partition() &&
           parts_.journal.epochs().check(position.epoch, position.offset).has_value();
  }

  // 409 for a position of an epoch that does not reach it: it was given before this folder was restored from a backup.
  std::optional<Reply> not_of_this_journal(const Position& position) const {
    const auto checked = parts_.journal.epochs().check(position.epoch, position.offset);
    if (checked || checked.error().code != Code::conflict) return std::nullopt;
    return reply_of(checked.error());
  }

  std::expected<std::optional<store::OrderView>, Reply> order_view(const Request& request) const {
    const auto id = asked_order(request, parts_.audit, "read another order");
    if (!id) return std::unexpected(id.error());
    auto view = parts_.store.order(*id);
    if (!view) return std::unexpected(reply_of(view.error()));
    return std::move(*view);
  }

  Reply customers_order(const store::OrderView& view) const {
    const auto seen = views_.seen_by_customer(view);
    if (!seen) return seen.error();
    Reply reply{.status = 200, .body = views_.customers_order(view, *seen)};
    reply.headers.emplace_back("Cache-Control", "no-store");
    return reply;
  }

  void write_first_system(wire::JsonWriter& writer, const store::Kept& kept) const {
    wire::write_first_system(writer, kept.location, parts_.options.naive_offset);
  }

  // An invalid query of the store's is a cursor that we did not give.
  static Reply refused_query(const Error& error) {
    if (error.code == Code::invalid) return bad_parameter("cursor", "the next_cursor of the page before");
    return reply_of(error);
  }

  static void write_cursor(wire::JsonWriter& writer, const std::string& cursor) {
    writer.key("next_cursor");
    if (cursor.empty())
      writer.null();
    else
      writer.text(cursor);
  }

  // `not_before`: what a customer may not see lies before it.
  Reply track(const Request& request, store::TrackQuery query, wire::JsonWriter& head,
              std::optional<Time> not_before = {}) const {
    const Parameters parameters(request);
    query.from = parameters.time("from", parts_.options.naive_offset);
    if (not_before && (!query.from || *query.from < *not_before)) query.from = not_before;
    query.to = parameters.time("to", parts_.options.naive_offset);
    query.limit = parameters.count("limit", query.limit, store::track_limit_max);
    query.cursor = request.query_value("cursor").value_or("");
    const TrackForm form = parameters.choice<TrackForm>(
        "format",
        {{"json", TrackForm::json}, {"geojson", TrackForm::geojson}, {"gpx", TrackForm::gpx}, {"csv", TrackForm::csv}},
        accepted_form(request.header("Accept")));
    if (parameters.bad()) return *parameters.bad();
    Result<store::TrackPage> page = parts_.store.track(query);
    if (!page) return refused_query(page.error());
    if (not_before)
      for (store::Kept& kept : page->locations) kept.location = Views::for_customer(kept.location);
    if (form != TrackForm::json) return foreign_track(request, query, *page, form);
    head.key("locations").begin_array();
    for (const store::Kept& kept : page->locations) {
      if (not_before)
        wire::write_location(head, kept.location);
      else
        views_.write_kept(head, kept);
    }
    head.end_array();
    write_cursor(head, page->next_cursor);
    if (!not_before) views_.write_as_of(head);
    head.end_object();
    return {.status = 200, .body = head.take()};
  }

  static TrackForm accepted_form(std::string_view accept) {
    if (accept.find("application/geo+json") != std::string_view::npos) return TrackForm::geojson;
    if (accept.find("application/gpx+xml") != std::string_view::npos) return TrackForm::gpx;
    if (accept.find("text/csv") != std::string_view::npos) return TrackForm::csv;
    return TrackForm::json;
  }

  static Reply foreign_track(const Request& request, const store::TrackQuery& query, const store::TrackPage& page,
                             TrackForm form) {
    std::vector<Location> locations;
    locations.reserve(page.locations.size());
    for (const store::Kept& kept : page.locations) locations.push_back(kept.location);
    const std::string name = query.order ? query.order->text : query.deliverer->text;
    Reply reply;
    switch (form) {
      case TrackForm::json: break;
      case TrackForm::geojson:
        reply.body = wire::track_geojson(name, locations);
        reply.content_type = "application/geo+json";
        break;
      case TrackForm::gpx:
        reply.body = wire::track_gpx(name, locations);
        reply.content_type = "application/gpx+xml";
        break;
      case TrackForm::csv:
        reply.body = wire::track_csv(locations);
        reply.content_type = "text/csv; charset=utf-8";
        break;
    }
    if (!page.next_cursor.empty()) {
      std::string next(request.path);
      next += '?';
      std::string_view rest = request.query;
      while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        if (!pair.starts_with("cursor=")) next.append(pair).append("&");
      }
      reply.headers.emplace_back("Link",
                                 '<' + next + "cursor=" + percent_encoded(page.next_cursor) + ">; rel=\"next\"");
    }
    return reply;
  }

  static void write_quarantined(wire::JsonWriter& writer, const wire::Quarantined& what) {
    writer.key("source").text(what.source).key("field").text(what.field);
    writer.key("reason").text(what.reason).key("raw").text(what.raw);
  }

  void write_custody(wire::JsonWriter& writer, uint64_t offset, std::string_view scope) const {
    writer.begin_object().key("position").text(to_string(parts_.journal.position(offset)));
    if (!scope.empty()) writer.key(scope.front() == 'd' ? "deliverer_id" : "order_id").text(scope.substr(1));
    writer.key("durable").boolean(true);
    writer.key("stored").boolean(offset < parts_.progress.visible());
    if (offset < parts_.store.watermarks().purged) writer.key("let_go").boolean(true);
    LakePlace place{.offset = offset};
    const auto kept = parts_.store.quarantined(offset, 1);
    const bool quarantined = kept && !kept->rows.empty() && kept->rows.front().offset == offset;
    writer.key("quarantined").boolean(quarantined);
    if (quarantined) write_quarantined(writer, kept->rows.front().what);
    if (quarantined) place.what = LakePlace::What::quarantined;
    // What it was can be said as long as the journal still has it.
    auto read = parts_.journal.read(offset, 1);
    const bool in_journal = read && !read->records.empty() && read->first == offset;
    if (in_journal) write_record(writer, read->records[0], place);
    writer.key("in_journal").boolean(in_journal);
    write_lake(writer, place);
    writer.end_object();
  }

  static void write_record(wire::JsonWriter& writer, Bytes bytes, LakePlace& place) {
    const auto record = wire::decode_record(bytes);
    place.what = LakePlace::What::quarantined;  // also what cannot be decoded
    if (!record) return;
    writer.key("event_id").text(to_hex(wire::event_id_of(*record)));
    if (const auto* location = std::get_if<Location>(&*record)) {
      writer.key("location");
      wire::write_location(writer, *location, {});
      place.what = LakePlace::What::location;
      place.fix_time = location->fix_time;
    } else if (const auto* command = std::get_if<OrderCommand>(&*record)) {
      writer.key("order").begin_object().key("order_id").id(command->order);
      writer.key("command").text(to_string(command->kind)).end_object();
      place.what = LakePlace::What::command;
    } else if (!std::holds_alternative<wire::Quarantined>(*record)) {
      place.what = LakePlace::What::other;
    }
  }

  void write_lake(wire::JsonWriter& writer, const LakePlace& place) const {
    if (!parts_.lake_custody) return;
    const std::optional<LakeCustody> lake = parts_.lake_custody(place);
    constexpr std::array<std::string_view, 3> raw_states = {"before", "waiting", "taken"};
    writer.key("bronze").begin_object().key("state");
    writer.text(lake ? raw_states[static_cast<size_t>(lake->raw)] : "unknown");
    if (lake && !lake->files.empty()) {
      writer.key("files").begin_array();
      for (const LakeCustody::File& file : lake->files)
        writer.begin_object().key("key").text(file.key).key("version").integer(whole(file.version)).end_object();
      writer.end_array();
    }
    writer.end_object();
    if (!lake || lake->treated.empty()) return;
    const bool made = std::ranges::all_of(lake->treated, &LakeCustody::Treated::made);
    writer.key("silver").begin_object().key("state").text(made ? "made" : "waiting");
    if (lake->treated_version) writer.key("version").integer(whole(*lake->treated_version));
    writer.key("dates").begin_array();
    for (const LakeCustody::Treated& treated : lake->treated) writer.text(treated.date);
    writer.end_array().end_object();
  }

  static int64_t whole(uint64_t number) { return static_cast<int64_t>(number); }

  const ApiParts parts_;
  const Views views_;
};

}  // namespace

std::vector<Route> read_routes(const ApiParts& parts) {
  const auto reads = std::make_shared<Reads>(parts);  // shared by the handlers of these routes
  std::vector<Route> routes;
  const auto get = [&](std::string pattern, Act act, Where where, Reply (Reads::*handler)(const Request&) const) {
    routes.push_back({.method = Method::get,
                      .act = act,
                      .pattern = std::move(pattern),
                      .handler = [reads, handler](const Request& request) { return ((*reads).*handler)(request); },
                      .needs = Needs::visible,
                      .where = where,
                      .wait_for = [reads](const Request& request) { return reads->at_least(request); }});
  };
  const Where quick = parts.options.reads;
  get("/v1/deliverer_location/last/{id}", Act::read_order, quick, &Reads::first_system_last);
  get("/v1/orders/{id}", Act::read_order, quick, &Reads::order);
  get("/v1/orders", Act::read, Where::pool, &Reads::orders);
  get("/v1/orders/{id}/track", Act::read_order, Where::pool, &Reads::order_track);
  get("/v1/deliverers/{id}", Act::read, quick, &Reads::deliverer);
  get("/v1/deliverers/{id}/track", Act::read, Where::pool, &Reads::deliverer_track);
  get("/v1/custody/{id}", Act::read, Where::pool, &Reads::custody);  // it asks the lake
  get("/v1/quarantine", Act::observe, Where::pool, &Reads::quarantine);
  get("/v1/books", Act::observe, Where::pool, &Reads::books);
  return routes;
}

}  // namespace waybill::serve

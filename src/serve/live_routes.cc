// The routes whose reply goes on: an order, a deliverer or a region, as it happens.
#include <algorithm>
#include <deque>

#include "serve/api.h"
#include "serve/asked_for.h"
#include "serve/live_streams.h"
#include "serve/parameters.h"
#include "serve/problem.h"

namespace waybill::serve {
namespace {

Reply streaming(std::shared_ptr<Stream> stream) {
  Reply reply;
  reply.stream = std::move(stream);
  return reply;
}

class LiveRoutes {
 public:
  explicit LiveRoutes(const ApiParts& parts) : sources_(std::make_shared<const Sources>(parts, *parts.live)) {}

  Reply order(const Request& request) const {
    const auto id = asked_order(request, sources_->parts.audit, "watch another order");
    if (!id) return id.error();
    if (of_customer(request)) return customers_order(request, *id);
    store::TrackQuery track;
    track.order = *id;
    auto viewer = std::make_shared<StaffStream>(
        sources_, Live::of_order(id->text), [order = *id](const Sources& sources) -> Result<Snapshot> {
          std::string now_at = sources.id_now();
          TRY_LET(const auto view, sources.parts.store.order(order));
          if (!view) return std::nullopt;
          return snapshot_of(*view, std::move(now_at), sources.views.order(*view, sources.now()));
        });
    return begun(request, std::move(viewer), std::move(track), unknown("order", id->text));
  }

  Reply deliverer(const Request& request) const {
    const auto id = asked_id(request);
    if (!id) return id.error();
    store::TrackQuery track;
    track.deliverer = DelivererId(*id);
    auto viewer = std::make_shared<StaffStream>(
        sources_, Live::of_deliverer(*id), [who = DelivererId(*id)](const Sources& sources) -> Result<Snapshot> {
          std::string now_at = sources.id_now();
          TRY_LET(const auto view, sources.parts.store.deliverer(who));
          if (!view) return std::nullopt;
          return snapshot_of(*view, std::move(now_at), sources.views.deliverer(*view));
        });
    return begun(request, std::move(viewer), std::move(track), unknown("deliverer", *id));
  }

  // Begins with the orders in the region, for who comes back too: what became of one that ended meanwhile is said by it alone.
  Reply region(const Request& request) const {
    const Parameters parameters(request);
    const auto box = parameters.box("bbox");
    if (parameters.bad()) return *parameters.bad();
    if (!box) return bad_parameter("bbox", "minLongitude,minLatitude,maxLongitude,maxLatitude");
    auto viewer = std::make_shared<RegionStream>(sources_, *box);
    const Time now = sources_->now();
    store::OrdersQuery query;
    query.box = box;
    query.updated_since = now - region_window;
    query.limit = live_region_orders_max;
    size_t shown = 0;
    do {
      const auto page = sources_->parts.store.orders(query);
      if (!page) return reply_of(page.error());
      for (const store::OrderView& view : page->orders) {
        if (++shown > live_region_orders_max) break;
        viewer->first({.id = {}, .name = std::string(snapshot_name), .data = sources_->views.order(view, now)});
      }
      query.cursor = page->next_cursor;
    } while (!query.cursor.empty() && shown <= live_region_orders_max);
    // More than it may begin with: it asks for the list.
    if (shown > live_region_orders_max)
      viewer->first({.id = sources_->id_now(), .name = std::string(behind_name), .data = "{}"});
    return streaming(std::move(viewer));
  }

 private:
  using Snapshot = std::optional<StaffStream::Snapshot>;

  template <class View>
  static Snapshot snapshot_of(const View& view, std::string now_at, std::string data) {
    StaffStream::Snapshot shown{.ready = {std::move(now_at), std::string(snapshot_name), std::move(data)},
                                .newest = {}};
    if (view.last) shown.newest = view.last->location.fix_time;
    return shown;
  }

  // Begins with what the viewer missed of the track, and the newest behind it.
  Reply begun(const Request& request, std::shared_ptr<StaffStream> viewer, store::TrackQuery track,
              Reply not_known) const {
    auto snapshot = viewer->snapshot();
    if (!snapshot) return reply_of(snapshot.error());
    if (!*snapshot) return not_known;
    if ((*snapshot)->newest)
      if (auto done = resume(request, std::move(track), *(*snapshot)->newest, *viewer); !done)
        return reply_of(done.error());
    viewer->begins_with(std::move(**snapshot));
    return streaming(std::move(viewer));
  }

  Reply customers_order(const Request& request, const OrderId& id) const {
    const Sources& sources = *sources_;
    auto viewer = std::make_shared<CustomerStream>(sources_, id);
    const auto view = sources.parts.store.order(id);
    if (!view) return reply_of(view.error());
    if (!*view) return unknown("order", id.text);
    const auto seen = sources.views.seen_by_customer(**view);
    if (!seen) return seen.error();
    if (const auto since = CustomerStream::time_of(last_event_id(request))) {
      store::TrackQuery query;
      query.order = id;
      query.from = std::max(*since + Duration(1), sources.views.trail_begin(**view, *seen));
      query.limit = live_resume_events_max;
      const auto page = sources.parts.store.track(query);
      if (!page) return reply_of(page.error());
      for (const store::Kept& kept : page->locations)
        if (!is_ahead(kept.location)) viewer->first(missed_by_customer(**view, kept));
    }
    viewer->begins_with(**view, *seen);
    return streaming(std::move(viewer));
  }

  Ready missed_by_customer(const store::OrderView& view, const store::Kept& kept) const {
    wire::JsonWriter json;
    json.begin_object().key("order_id").id(view.order.id).key("state").text(to_string(view.order.state()));
    json.key("location");
    wire::write_location(json, Views::for_customer(kept.location));
    json.key("fix_age_ms").integer(Views::age_ms(kept.location, sources_->now())).end_object();
    return {CustomerStream::id_of(kept.location.fix_time), std::string(to_string(Event::Kind::location)), json.take()};
  }

  static std::string last_event_id(const Request& request) {
    const std::string_view header = request.header("Last-Event-ID");
    if (!header.empty()) return std::string(header);
    return request.query_value("last_event_id").value_or("");
  }

  // The offset behind what the viewer has seen; nothing where it begins, or where its place was given by another journal.
  std::optional<uint64_t> place_of(const Request& request) const {
    const auto position = parse_position(last_event_id(request));
    const journal::Journal& journal = sources_->parts.journal;
    if (!position || position->partition != journal.partition() ||
        !journal.epochs().check(position->epoch, position->offset) || position->offset == UINT64_MAX)
      return std::nullopt;
    return position->offset + 1;
  }

  // What the viewer missed, of the last live_resume_window of the track; the newest live_resume_events_max of it.
  Result<void> resume(const Request& request, store::TrackQuery query, Time newest, RingStream& viewer) const {
    const auto from = place_of(request);
    if (!from) return {};
    query.from = newest - live_resume_window;
    query.limit = store::track_limit_max;
    std::deque<store::Kept> missed;
    std::optional<Time> seen;
    do {
      TRY_LET(store::TrackPage page, sources_->parts.store.track(query));
      for (store::Kept& kept : page.locations) {
        if (kept.offset < *from) {
          if (!is_ahead(kept.location)) seen = kept.location.fix_time;
          continue;
        }
        missed.push_back(std::move(kept));
        if (missed.size() > live_resume_events_max) missed.pop_front();
      }
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    std::optional<store::OrderView> order;
    if (query.order) {
      TRY_LET(order, sources_->parts.store.order(*query.order));
    }
    for (store::Kept& kept : missed) {
      Event event{.kind = Event::Kind::location, .offset = kept.offset, .order = query.order};
      if (is_ahead(kept.location) || (seen && kept.location.fix_time <= *seen)) event.kind = Event::Kind::correction;
      if (order) event.state = event.was = order->order.state();
      event.deliverer = kept.location.deliverer;
      event.at = kept.location.fix_time;
      event.received_at = kept.location.received_at;
      event.location = std::make_shared<const Location>(std::move(kept.location));
      event.of_location = true;
      viewer.first({.id = {},  // a viewer that leaves in between begins where it began
                    .name = std::string(to_string(event.kind)),
                    .data = sources_->data(event, sources_->now())});
    }
    return {};
  }

  SourcesPtr sources_;
};

}  // namespace

std::vector<Route> live_routes(const ApiParts& parts) {
  if (parts.live == nullptr) return {};
  const auto live = std::make_shared<LiveRoutes>(parts);  // shared by the handlers of these routes
  std::vector<Route> routes;
  const auto get = [&](std::string pattern, Act act, Reply (LiveRoutes::*handler)(const Request&) const) {
    routes.push_back({.method = Method::get,
                      .act = act,
                      .pattern = std::move(pattern),
                      .handler = [live, handler](const Request& request) { return ((*live).*handler)(request); },
                      .needs = Needs::visible,
                      .where = Where::pool,
                      .patient = true});
  };
  get("/v1/orders/{id}/live", Act::read_order, &LiveRoutes::order);
  get("/v1/deliverers/{id}/live", Act::read, &LiveRoutes::deliverer);
  get("/v1/live", Act::read, &LiveRoutes::region);
  return routes;
}

}  // namespace waybill::serve

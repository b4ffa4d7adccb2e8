// The routes whose reply goes on: an order, a deliverer or a region, as it happens.
#include <algorithm>
#include <charconv>
#include <deque>

#include "serve/api.h"
#include "serve/live.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "serve/views.h"
#include "wire/event_out.h"
#include "wire/json_in.h"

namespace waybill::serve {
namespace {

// What a stream begins with, until it is taken.
struct Ready {
  std::string id;
  std::string name;
  std::string data;
};

constexpr std::string_view snapshot_name = "snapshot";
constexpr std::string_view behind_name = "behind";

// What the streams of all viewers are made of.
class Sources {
 public:
  Sources(const ApiParts& of, Live& to_watch) : parts(of), live(to_watch), views(parts) {}

  std::string id(uint64_t offset) const { return to_string(parts.journal.position(offset)); }
  // Of what the store shows now.
  std::string id_now() const {
    const uint64_t visible = parts.progress.visible();
    return visible == 0 ? std::string() : id(visible - 1);
  }
  std::string data(const Event& event, Time now) const {
    wire::JsonWriter json;
    wire::write_event(json, event, id(event.offset), now);
    return json.take();
  }
  const Told::Write write = [this](const Event& event, Time now) { return data(event, now); };

  const ApiParts parts;
  Live& live;
  const Views views;
};
using SourcesPtr = std::shared_ptr<const Sources>;  // shared by the routes' handlers and the streams that they make

// A stream over one ring: first what the handler found, then what happens.
class RingStream : public Stream {
 public:
  ~RingStream() override {
    if (joined_) watch_.ring().leave(*joined_);
  }
  void begin(std::function<void()> wake) override { joined_ = watch_.ring().join(std::move(wake)); }
  bool welcome() override { return true; }

  // What happened below this place in the journal is in what the store showed; to be called before the store is asked.
  void begin_here() {
    place_ = watch_.ring().end();
    below_ = sources_->parts.progress.visible();
  }
  void first(Ready ready) { first_.push_back(std::move(ready)); }

 protected:
  RingStream(SourcesPtr sources, std::string name)
      : sources_(std::move(sources)), watch_(sources_->live, std::move(name)) {
    begin_here();
  }

  const Sources& sources() const { return *sources_; }
  Time now() const { return sources_->parts.clock.now(); }

  // Some of what is ready: false when all of it was taken.
  bool take_first(EventSink& sink) {
    for (size_t bytes = 0; !first_.empty() && bytes < take_bytes_max; first_.pop_front()) {
      const Ready& ready = first_.front();
      bytes += ready.data.size();
      sink.event(ready.id, ready.name, ready.data);
    }
    if (!first_.empty()) return true;
    first_.shrink_to_fit();
    return false;
  }
  Ring::News news() {
    Ring::News news = watch_.ring().after(place_);
    place_ = news.next;
    if (news.behind) sources_->live.count_behind();
    std::erase_if(news.events, [&](const auto& told) { return told->event().offset < below_; });
    return news;
  }

 private:
  SourcesPtr sources_;
  Live::Watch watch_;
  std::deque<Ready> first_;
  std::optional<uint64_t> joined_;
  uint64_t place_ = 0;
  uint64_t below_ = 0;
};

bool moves(const Event& event) { return event.kind == Event::Kind::location || event.kind == Event::Kind::correction; }

// An order or a deliverer, for staff.
class StaffStream : public RingStream {
 public:
  // The newest, as one event; nothing where there is none (any more).
  using Snapshot = std::function<Result<std::optional<Ready>>(std::optional<Time>& newest)>;

  StaffStream(SourcesPtr sources, std::string name, Snapshot snapshot)
      : RingStream(std::move(sources), std::move(name)), snapshot_(std::move(snapshot)) {}

  Next take(EventSink& sink) override {
    if (take_first(sink)) return Next::more;
    const Ring::News news = this->news();
    if (news.behind) {
      begin_here();
      const auto snapshot = snapshot_(newest_);
      if (!snapshot || !*snapshot) return Next::over;
      sink.event((*snapshot)->id, (*snapshot)->name, (*snapshot)->data);
    }
    for (const auto& told : news.events) {
      const Event& event = told->event();
      // One location of a deliverer who has several orders is told once for each of them.
      if (moves(event) && std::exchange(moved_by_, event.offset) == event.offset) continue;
      sink.event(sources().id(event.offset), name_of(event), *told->text(now(), sources().write));
    }
    return Next::waits;
  }

  void shows(std::optional<Time> newest) { newest_ = newest; }

 private:
  // The marker never goes back.
  std::string_view name_of(const Event& event) {
    if (event.kind != Event::Kind::location) return to_string(event.kind);
    if (newest_ && event.at <= *newest_) return to_string(Event::Kind::correction);
    newest_ = event.at;
    return to_string(Event::Kind::location);
  }

  Snapshot snapshot_;
  std::optional<Time> newest_;
  uint64_t moved_by_ = UINT64_MAX;
};

// A region, for staff: what is in it, or was until then.
class RegionStream : public RingStream {
 public:
  RegionStream(SourcesPtr sources, const Box& box) : RingStream(std::move(sources), Live::of_all()), box_(box) {}

  Next take(EventSink& sink) override {
    if (take_first(sink)) return Next::more;
    const Ring::News news = this->news();
    if (news.behind) {
      begin_here();
      sink.event(sources().id_now(), behind_name, "{}");
    }
    for (const auto& told : news.events) {
      const Event& event = told->event();
      const bool here = event.location && box_.contains({event.location->latitude, event.location->longitude});
      if (!here && !(event.before && box_.contains(*event.before))) continue;
      sink.event(sources().id(event.offset), to_string(event.kind), *told->text(now(), sources().write));
    }
    return Next::waits;
  }

 private:
  const Box box_;
};

// An order, for its customer: what the privacy rules let it see, made anew with each event.
class CustomerStream : public RingStream {
 public:
  CustomerStream(SourcesPtr sources, OrderId order)
      : RingStream(std::move(sources), Live::of_order(order.text)), order_(std::move(order)) {}

  Next take(EventSink& sink) override {
    if (take_first(sink)) return Next::more;
    const Ring::News news = this->news();
    std::vector<std::string_view> names;
    if (news.behind) {
      begin_here();
      names.push_back(snapshot_name);
    }
    for (const auto& told : news.events) {
      const std::string_view name = to_string(told->event().kind);
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    if (names.empty()) return Next::waits;
    const auto view = sources().parts.store.order(order_);
    if (!view || !*view) return Next::over;
    const auto seen = sources().views.seen_by_customer(**view);
    if (!seen) return Next::over;
    const std::string data = sources().views.customers_order(**view, *seen);
    for (const std::string_view name : names) {
      // Moved, but not beyond what was shown: the way that it came has changed.
      const bool back = name == to_string(Event::Kind::location) && !moves_on(**view);
      sink.event(id_of(**view), back ? to_string(Event::Kind::correction) : name, data);
    }
    return Next::waits;
  }

  bool welcome() override {
    const auto view = sources().parts.store.order(order_);
    return view && *view && sources().views.in_its_time(**view);
  }

  void shows(const store::OrderView& view) { moves_on(view); }

  // When the newest fix was: how many locations there are is nothing for a customer.
  static std::string id_of(const store::OrderView& view) {
    return view.last ? 't' + std::to_string(to_us(view.last->location.fix_time)) : std::string();
  }
  static std::optional<Time> time_of(std::string_view id) {
    int64_t us = 0;
    if (!id.starts_with('t')) return std::nullopt;
    const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), us);
    if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
    return at_us(us);
  }

 private:
  bool moves_on(const store::OrderView& view) {
    if (!view.last || (newest_ && view.last->location.fix_time <= *newest_)) return false;
    newest_ = view.last->location.fix_time;
    return true;
  }

  const OrderId order_;
  std::optional<Time> newest_;
};

Reply unknown(std::string_view what, std::string_view id) {
  return reply_of(Problem{.status = 404,
                          .detail = std::string(what) + " " + std::string(id) + " is not known",
                          .field = "id",
                          .expected = "the id of a known " + std::string(what)});
}

Reply streaming(std::shared_ptr<Stream> stream) {
  Reply reply;
  reply.stream = std::move(stream);
  return reply;
}

class LiveRoutes {
 public:
  explicit LiveRoutes(const ApiParts& parts) : sources_(std::make_shared<const Sources>(parts, *parts.live)) {}

  Reply order(const Request& request) const {
    const auto id = id_of(request);
    if (!id) return id.error();
    if (of_customer(request)) return customers_order(request, *id);
    const Sources& sources = *sources_;
    auto viewer = std::make_shared<StaffStream>(sources_, Live::of_order(*id),
                                                [&sources, order = OrderId(*id)](std::optional<Time>& newest) {
                                                  return order_snapshot(sources, order, newest);
                                                });
    std::optional<Time> newest;
    auto snapshot = order_snapshot(sources, OrderId(*id), newest);
    if (!snapshot) return reply_of(snapshot.error());
    if (!*snapshot) return unknown("order", *id);
    if (newest) {
      store::TrackQuery query;
      query.order = OrderId(*id);
      if (auto done = resume(request, query, *newest, *viewer); !done) return reply_of(done.error());
    }
    viewer->first(std::move(**snapshot));
    viewer->shows(newest);
    return streaming(std::move(viewer));
  }

  Reply deliverer(const Request& request) const {
    const auto id = id_of(request);
    if (!id) return id.error();
    const Sources& sources = *sources_;
    auto viewer = std::make_shared<StaffStream>(sources_, Live::of_deliverer(*id),
                                                [&sources, who = DelivererId(*id)](std::optional<Time>& newest) {
                                                  return deliverer_snapshot(sources, who, newest);
                                                });
    std::optional<Time> newest;
    auto snapshot = deliverer_snapshot(sources, DelivererId(*id), newest);
    if (!snapshot) return reply_of(snapshot.error());
    if (!*snapshot) return unknown("deliverer", *id);
    if (newest) {
      store::TrackQuery query;
      query.deliverer = DelivererId(*id);
      if (auto done = resume(request, query, *newest, *viewer); !done) return reply_of(done.error());
    }
    viewer->first(std::move(**snapshot));
    viewer->shows(newest);
    return streaming(std::move(viewer));
  }

  // Begins with the orders in the region, for who comes back too: what became of one that ended meanwhile is said by it alone.
  Reply region(const Request& request) const {
    const Parameters parameters(request);
    const auto box = parameters.box("bbox");
    if (parameters.bad()) return *parameters.bad();
    if (!box) return bad_parameter("bbox", "minLongitude,minLatitude,maxLongitude,maxLatitude");
    auto viewer = std::make_shared<RegionStream>(sources_, *box);
    const Time now = sources_->parts.clock.now();
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
  static Result<std::optional<Ready>> order_snapshot(const Sources& sources, const OrderId& id,
                                                     std::optional<Time>& newest) {
    const std::string now_at = sources.id_now();
    TRY_LET(const auto view, sources.parts.store.order(id));
    if (!view) return std::optional<Ready>();
    if (view->last) newest = view->last->location.fix_time;
    return Ready{now_at, std::string(snapshot_name), sources.views.order(*view, sources.parts.clock.now())};
  }
  static Result<std::optional<Ready>> deliverer_snapshot(const Sources& sources, const DelivererId& id,
                                                         std::optional<Time>& newest) {
    const std::string now_at = sources.id_now();
    TRY_LET(const auto view, sources.parts.store.deliverer(id));
    if (!view) return std::optional<Ready>();
    if (view->last) newest = view->last->location.fix_time;
    return Ready{now_at, std::string(snapshot_name), sources.views.deliverer(*view)};
  }

  Reply customers_order(const Request& request, const std::string& id) const {
    const Sources& sources = *sources_;
    if (id != request.who->subject) {
      sources.parts.audit.denied({.address = std::string(request.address),
                                  .who = request.who->name(),
                                  .what = "watch another order",
                                  .status = 403,
                                  .why = "order " + id});
      return reply_of(Problem{.status = 403, .detail = "this credential is for another order"});
    }
    auto viewer = std::make_shared<CustomerStream>(sources_, OrderId(id));
    const auto view = sources.parts.store.order(OrderId(id));
    if (!view) return reply_of(view.error());
    if (!*view) return unknown("order", id);
    const auto seen = sources.views.seen_by_customer(**view);
    if (!seen) return seen.error();
    if (const auto since = CustomerStream::time_of(last_event_id(request))) {
      store::TrackQuery query;
      query.order = OrderId(id);
      query.from = std::max(*since + Duration(1), sources.views.trail_begin(**view, *seen));
      query.limit = live_resume_events_max;
      const auto page = sources.parts.store.track(query);
      if (!page) return reply_of(page.error());
      for (const store::Kept& kept : page->locations)
        if (!is_ahead(kept.location)) viewer->first(missed_by_customer(**view, kept));
    }
    viewer->first(
        {CustomerStream::id_of(**view), std::string(snapshot_name), sources.views.customers_order(**view, *seen)});
    viewer->shows(**view);
    return streaming(std::move(viewer));
  }

  Ready missed_by_customer(const store::OrderView& view, const store::Kept& kept) const {
    wire::JsonWriter json;
    json.begin_object().key("order_id").id(view.order.id).key("state").text(to_string(view.order.state()));
    json.key("location");
    wire::write_location(json, Views::for_customer(kept.location));
    json.key("fix_age_ms").integer(Views::age_ms(kept.location, sources_->parts.clock.now())).end_object();
    return {'t' + std::to_string(to_us(kept.location.fix_time)), std::string(to_string(Event::Kind::location)),
            json.take()};
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
                    .data = sources_->data(event, sources_->parts.clock.now())});
    }
    return {};
  }

  static std::expected<std::string, Reply> id_of(const Request& request) {
    Result<std::string> id = wire::checked_id(request.params.at(0));
    if (!id)
      return std::unexpected(reply_of(
          Problem{.status = 400, .detail = id.error().message, .field = "id", .expected = id.error().message}));
    return std::move(*id);
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

#include "serve/live_streams.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "wire/event_out.h"

namespace waybill::serve {
namespace {

bool moves(const Event& event) { return event.kind == Event::Kind::location || event.kind == Event::Kind::correction; }

std::string id_of_view(const store::OrderView& view) {
  return view.last ? CustomerStream::id_of(view.last->location.fix_time) : std::string();
}

}  // namespace

Sources::Sources(const ApiParts& of, Live& to_watch) : parts(of), live(to_watch), views(parts) {}

std::string Sources::id_now() const {
  const uint64_t visible = parts.progress.visible();
  return visible == 0 ? std::string() : id(visible - 1);
}

std::string Sources::data(const Event& event, Time now) const {
  wire::JsonWriter json;
  wire::write_event(json, event, id(event.offset), now);
  return json.take();
}

// ---- RingStream

RingStream::RingStream(SourcesPtr sources, std::string ring)
    : sources_(std::move(sources)), watch_(sources_->live, std::move(ring)) {
  begin_here();
}

RingStream::~RingStream() {
  if (joined_) watch_.ring().leave(*joined_);
}

void RingStream::begin(std::function<void()> wake) { joined_ = watch_.ring().join(std::move(wake)); }

void RingStream::begin_here() {
  place_ = watch_.ring().end();
  below_ = sources_->parts.progress.visible();
}

bool RingStream::take_first(EventSink& sink) {
  for (size_t bytes = 0; !first_.empty() && bytes < take_bytes_max; first_.pop_front()) {
    const Ready& ready = first_.front();
    bytes += ready.data.size();
    sink.event(ready.id, ready.name, ready.data);
  }
  if (!first_.empty()) return true;
  first_.shrink_to_fit();
  return false;
}

Ring::News RingStream::news() {
  Ring::News news = watch_.ring().after(place_);
  place_ = news.next;
  if (news.behind) sources_->live.count_behind();
  std::erase_if(news.events, [&](const auto& told) { return told->event().offset < below_; });
  return news;
}

// ---- StaffStream

StaffStream::StaffStream(SourcesPtr sources, std::string ring, Ask ask)
    : RingStream(std::move(sources), std::move(ring)), ask_(std::move(ask)) {}

void StaffStream::begins_with(Snapshot snapshot) {
  newest_ = snapshot.newest;
  first(std::move(snapshot.ready));
}

Stream::Next StaffStream::take(EventSink& sink) {
  if (take_first(sink)) return Next::more;
  const Ring::News news = this->news();
  if (news.behind) {
    begin_here();
    const auto now = snapshot();
    if (!now || !*now) return Next::over;
    if ((*now)->newest) newest_ = (*now)->newest;
    const Ready& ready = (*now)->ready;
    sink.event(ready.id, ready.name, ready.data);
  }
  for (const auto& told : news.events) {
    const Event& event = told->event();
    // One location of a deliverer who has several orders is told once for each of them.
    if (moves(event) && std::exchange(moved_by_, event.offset) == event.offset) continue;
    sink.event(sources().id(event.offset), name_of(event), *told->text(sources().now(), sources().write));
  }
  return Next::waits;
}

// The marker never goes back.
std::string_view StaffStream::name_of(const Event& event) {
  if (event.kind != Event::Kind::location) return to_string(event.kind);
  if (newest_ && event.at <= *newest_) return to_string(Event::Kind::correction);
  newest_ = event.at;
  return to_string(Event::Kind::location);
}

// ---- RegionStream

RegionStream::RegionStream(SourcesPtr sources, const Box& box)
    : RingStream(std::move(sources), Live::of_all()), box_(box) {}

Stream::Next RegionStream::take(EventSink& sink) {
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
    sink.event(sources().id(event.offset), to_string(event.kind), *told->text(sources().now(), sources().write));
  }
  return Next::waits;
}

// ---- CustomerStream

CustomerStream::CustomerStream(SourcesPtr sources, OrderId order)
    : RingStream(std::move(sources), Live::of_order(order.text)), order_(std::move(order)) {}

void CustomerStream::begins_with(const store::OrderView& view, const Views::Seen& seen) {
  first({.id = id_of_view(view),
         .name = std::string(snapshot_name),
         .data = sources().views.customers_order(view, seen)});
  moves_on(view);
}

Stream::Next CustomerStream::take(EventSink& sink) {
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
    sink.event(id_of_view(**view), back ? to_string(Event::Kind::correction) : name, data);
  }
  return Next::waits;
}

bool CustomerStream::welcome() {
  const auto view = sources().parts.store.order(order_);
  return view && *view && sources().views.in_its_time(**view);
}

std::string CustomerStream::id_of(Time fix_time) { return 't' + std::to_string(to_us(fix_time)); }

std::optional<Time> CustomerStream::time_of(std::string_view id) {
  int64_t us = 0;
  if (!id.starts_with('t')) return std::nullopt;
  const auto [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), us);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return at_us(us);
}

bool CustomerStream::moves_on(const store::OrderView& view) {
  if (!view.last || (newest_ && view.last->location.fix_time <= *newest_)) return false;
  newest_ = view.last->location.fix_time;
  return true;
}

}  // namespace waybill::serve

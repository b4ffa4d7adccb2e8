#include "serve/live.h"

#include <unordered_set>

namespace waybill::serve {

std::shared_ptr<const std::string> Told::text(Time now, const Write& write) const {
  return text_.with([&](Text& text) {
    if (!text.text || now - text.at > Live::text_age_max || now < text.at)
      text = {.at = now, .text = std::make_shared<const std::string>(write(event_, now))};
    return text.text;
  });
}

// ---- Ring

Ring::Ring(size_t length) : length_(length) {
  state_.with([&](State& state) { state.events.resize(length_); });
}

Ring::News Ring::after(uint64_t place) const {
  return state_.with([&](const State& state) {
    News news{.events = {}, .next = state.end, .behind = place < state.lost || state.end - place > length_};
    if (news.behind) return news;  // the store says where it stands, what is here comes before that
    for (uint64_t at = place; at < state.end; ++at) news.events.push_back(state.events[at % length_]);
    return news;
  });
}

uint64_t Ring::end() const {
  return state_.with([](const State& state) { return state.end; });
}

uint64_t Ring::join(Wake wake) {
  return state_.with([&](State& state) {
    state.viewers.emplace(state.next_viewer, std::move(wake));
    return state.next_viewer++;
  });
}

void Ring::leave(uint64_t who) {
  state_.with([&](State& state) { state.viewers.erase(who); });
}

void Ring::add(std::shared_ptr<const Told> told) {
  state_.with([&](State& state) { state.events[state.end++ % length_] = std::move(told); });
}

void Ring::lose() {
  state_.with([&](State& state) {
    state.events[state.end++ % length_] = nullptr;
    state.lost = state.end;
  });
}

void Ring::wake_all() {
  state_.with([](const State& state) {
    for (const auto& [who, wake] : state.viewers) wake();
  });
}

// ---- Live

Live::Live(Metrics& metrics)
    : told_(metrics.counter("waybill_live_told_total", "events of things that somebody watched")),
      behind_(metrics.counter("waybill_live_behind_total",
                              "times that a viewer was too slow for all events and was shown the newest")) {}

void Live::tell(std::span<const Event> events) {
  std::unordered_set<std::shared_ptr<Ring>> touched;
  uint64_t told = 0;
  rings_.with([&](Rings& rings) {
    const auto wide = rings.find(of_all());
    std::shared_ptr<const Told> shared;
    const auto add = [&](Rings::iterator to, const Event& event) {
      if (to == rings.end()) return;
      if (!shared) shared = std::make_shared<const Told>(event);
      to->second.ring->add(shared);
      touched.insert(to->second.ring);
    };
    for (const Event& event : events) {
      shared.reset();
      if (event.order) add(rings.find(of_order(event.order->text)), event);
      if (event.deliverer) add(rings.find(of_deliverer(event.deliverer->text)), event);
      add(wide, event);
      if (shared) ++told;
    }
  });
  told_.add(told);
  for (const auto& ring : touched) ring->wake_all();
}

void Live::missed() {
  std::vector<std::shared_ptr<Ring>> all;
  rings_.with([&](const Rings& rings) {
    for (const auto& [name, watched] : rings) all.push_back(watched.ring);
  });
  for (const auto& ring : all) {
    ring->lose();
    ring->wake_all();
  }
}

Live::Watch::Watch(Live& live, std::string name) : live_(live), name_(std::move(name)) {
  live_.watched_.fetch_add(1, std::memory_order_acq_rel);
  ring_ = live_.rings_.with([&](Rings& rings) {
    Watched& watched = rings[name_];
    if (!watched.ring) watched.ring = std::make_shared<Ring>(name_ == of_all() ? wide_ring_max : ring_max);
    ++watched.watchers;
    return watched.ring;
  });
}

Live::Watch::~Watch() {
  live_.rings_.with([&](Rings& rings) {
    const auto found = rings.find(name_);
    if (--found->second.watchers == 0) rings.erase(found);
  });
  live_.watched_.fetch_sub(1, std::memory_order_acq_rel);
}

}  // namespace waybill::serve

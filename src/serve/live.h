// serve/live.h — what happens, kept for a moment for those who watch it: one ring of events for each thing that is watched.
//
// Order:    a ring holds events by position. A viewer holds its place in it, nothing else: one that is slower than the ring
//           is long, or that came while events went by untold, is behind and reads the newest from the store.
// Memory:   ring_max events for each thing that somebody watches, wide_ring_max for all who watch a region.
// Threads:  all methods from any thread; tell() and missed() are the subscriber's.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "base/metrics.h"
#include "ingest/feed.h"

namespace waybill::serve {

// An event with its text, made once for all who watch.
class Told {
 public:
  explicit Told(Event event) : event_(std::move(event)) {}
  const Event& event() const { return event_; }
  // As JSON on one line; as old as text_age_max at most, for it says how old the fix is.
  using Write = std::function<std::string(const Event&, Time now)>;
  std::shared_ptr<const std::string> text(Time now, const Write& write) const;

 private:
  struct Text {
    Time at{};
    std::shared_ptr<const std::string> text;  // shared: another viewer may be reading it while it is made anew
  };
  Event event_;
  mutable Guarded<Text> text_;
};

// What one thing's viewers share.
class Ring {
 public:
  using Wake = std::function<void()>;
  explicit Ring(size_t length);

  struct News {
    std::vector<std::shared_ptr<const Told>> events;
    uint64_t next = 0;  // the place behind them
    bool behind = false;  // some before them are gone
  };
  News after(uint64_t place) const;
  uint64_t end() const;

  uint64_t join(Wake wake);
  void leave(uint64_t who);
  void add(std::shared_ptr<const Told> told);
  void lose();  // who is here now has missed something
  void wake_all();  // a wake does not come back here

 private:
  struct State {
    std::vector<std::shared_ptr<const Told>> events;  // the one of place p at p modulo length
    uint64_t end = 0;
    uint64_t lost = 0;  // who stands before it has missed something
    uint64_t next_viewer = 0;
    std::unordered_map<uint64_t, Wake> viewers;
  };
  const size_t length_;
  Guarded<State> state_;
};

class Live final : public ingest::Feed {
 public:
  static constexpr size_t ring_max = 32;
  static constexpr size_t wide_ring_max = 4096;
  static constexpr std::chrono::milliseconds text_age_max{50};

  explicit Live(Metrics& metrics);

  bool wanted() const override { return watched_.load(std::memory_order_acquire) > 0; }
  void tell(std::span<const Event> events) override;
  void missed() override;

  // A ring that is kept while one of these is.
  class Watch {
   public:
    Watch(Live& live, std::string name);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    Ring& ring() const { return *ring_; }

   private:
    Live& live_;
    std::string name_;
    std::shared_ptr<Ring> ring_;  // shared with the map, and with a tell() that runs
  };
  static std::string of_order(const std::string& id) { return 'o' + id; }
  static std::string of_deliverer(const std::string& id) { return 'd' + id; }
  static std::string of_all() { return "*"; }

  void count_behind() { behind_.add(); }

 private:
  struct Watched {
    std::shared_ptr<Ring> ring;
    size_t watchers = 0;
  };
  using Rings = std::unordered_map<std::string, Watched>;

  Guarded<Rings> rings_;
  std::atomic<size_t> watched_{0};
  Counter& told_;
  Counter& behind_;
};

}  // namespace waybill::serve

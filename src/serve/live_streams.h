// serve/live_streams.h — what a viewer is told of an order, a deliverer or a region: how it begins, then what happens.
//
// Order:   a stream is made before the store is asked what it begins with: what happens in between is in one of both.
// Threads: a stream is its viewer's; the sources are shared by all, and outlive the server's loops no more than the parts do.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "serve/api.h"
#include "serve/live.h"
#include "serve/stream.h"
#include "serve/views.h"

namespace waybill::serve {

// An event that is told before those of the ring. A viewer cannot go on from there where the id is empty.
struct Ready {
  std::string id;
  std::string name;
  std::string data;
};

inline constexpr std::string_view snapshot_name = "snapshot";
inline constexpr std::string_view behind_name = "behind";

// What the streams of all viewers are made of.
class Sources {
 public:
  Sources(const ApiParts& of, Live& to_watch);

  std::string id(uint64_t offset) const { return to_string(parts.journal.position(offset)); }
  std::string id_now() const;  // of what the store shows now
  std::string data(const Event& event, Time now) const;
  const Told::Write write = [this](const Event& event, Time now) { return data(event, now); };
  Time now() const { return parts.clock.now(); }

  const ApiParts parts;
  Live& live;
  const Views views;
};
using SourcesPtr = std::shared_ptr<const Sources>;  // shared by the routes' handlers and the streams that they make

// A stream over one ring: first what the handler found, then what happens.
class RingStream : public Stream {
 public:
  ~RingStream() override;
  void begin(std::function<void()> wake) override;
  bool welcome() override { return true; }

  void first(Ready ready) { first_.push_back(std::move(ready)); }

 protected:
  RingStream(SourcesPtr sources, std::string ring);

  const Sources& sources() const { return *sources_; }
  // What happened below this place in the journal is in what the store showed; to be called before the store is asked.
  void begin_here();
  bool take_first(EventSink& sink);  // some of what is ready: false when all of it was taken
  Ring::News news();

 private:
  SourcesPtr sources_;
  Live::Watch watch_;
  std::deque<Ready> first_;
  std::optional<uint64_t> joined_;
  uint64_t place_ = 0;
  uint64_t below_ = 0;
};

// An order or a deliverer, for staff.
class StaffStream : public RingStream {
 public:
  struct Snapshot {
    Ready ready;
    std::optional<Time> newest;  // fix that it shows
  };
  using Ask =
      std::function<Result<std::optional<Snapshot>>(const Sources& sources)>;  // nothing: it is not known (any more)

  StaffStream(SourcesPtr sources, std::string ring, Ask ask);
  Result<std::optional<Snapshot>> snapshot() const { return ask_(sources()); }
  void begins_with(Snapshot snapshot);  // behind what is first already
  Next take(EventSink& sink) override;

 private:
  std::string_view name_of(const Event& event);

  const Ask ask_;
  std::optional<Time> newest_;
  uint64_t moved_by_ = UINT64_MAX;
};

// A region, for staff: what is in it, or was until then.
class RegionStream : public RingStream {
 public:
  RegionStream(SourcesPtr sources, const Box& box);
  Next take(EventSink& sink) override;

 private:
  const Box box_;
};

// An order, for its customer: what the privacy rules let it see, made anew with each event.
class CustomerStream : public RingStream {
 public:
  CustomerStream(SourcesPtr sources, OrderId order);
  void begins_with(const store::OrderView& view, const Views::Seen& seen);  // behind what is first already
  Next take(EventSink& sink) override;
  bool welcome() override;

  // When the newest fix was: how many locations there are is nothing for a customer.
  static std::string id_of(Time fix_time);
  static std::optional<Time> time_of(std::string_view id);

 private:
  bool moves_on(const store::OrderView& view);

  const OrderId order_;
  std::optional<Time> newest_;
};

}  // namespace waybill::serve

// app/bench/live.h — how soon it is seen: while others send at a steady rate, one phone posts, reads what it posted, and is watched.
//
// Failure: unavailable where the server cannot be connected to. What goes wrong afterwards is counted. That a viewer is told the
//          newest instead of all is not wrong; `good` is then less than `sent`.
#pragma once

#include "app/bench/load.h"

namespace waybill::app::bench {

inline constexpr uint32_t paced_items = 100;  // of one POST of the others

struct LiveOptions {
  Target target{};
  uint32_t run = 0;  // of the others' orders; the phone's is of the run behind it
  uint32_t locations_per_second = 10'000;
  Duration time{};
  std::stop_token stop{};
};

struct LiveResult {
  LoadResult others;  // their POSTs; cpu is that of all three
  LoadResult read;  // from before the POST to after the answer of the GET that shows it; sent counts the phone's POSTs
  LoadResult watched;  // from before the POST to the event at a viewer; sent counts the POSTs since it watches
  uint64_t acknowledged = 0;  // locations, the phone's too
};

Result<LiveResult> run_live(const LiveOptions& options, Clock& clock, const std::function<void()>& begin = {});

// The events of a stream, whatever the pieces in which it comes.
class EventReader {
 public:
  // What each location event (not a snapshot) says in its attribute sent_us.
  void take(std::string_view piece, const std::function<void(uint64_t sent_us)>& told);

 private:
  std::string waiting_;  // an event's begin
};

}  // namespace waybill::app::bench

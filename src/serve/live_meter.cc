#include "serve/live_meter.h"

#include <string>

namespace waybill::serve {
namespace {

std::string to_string(Transport transport) {
  switch (transport) {
    case Transport::sse: return "sse";
    case Transport::websocket: return "websocket";
  }
  return {};
}

constexpr std::array<const char*, endings> whys{"left", "over", "unwelcome", "drained", "slow", "broken"};

}  // namespace

LiveMeter::LiveMeter(Metrics& metrics, Transport transport)
    : viewers(metrics.gauge("waybill_live_viewers", "streams that are being watched",
                            {{"transport", to_string(transport)}})),
      events(metrics.counter("waybill_live_events_total", "events told to viewers",
                             {{"transport", to_string(transport)}})),
      ended() {
  for (size_t i = 0; i < endings; ++i)
    ended[i] = &metrics.counter("waybill_live_ended_total", "streams that ended, by their reason",
                                {{"transport", to_string(transport)}, {"why", whys[i]}});
}

}  // namespace waybill::serve

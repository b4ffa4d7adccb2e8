// serve/live_meter.h — the numbers of those who watch, by the way in which their events travel.
#pragma once

#include <array>
#include <cstdint>

#include "base/metrics.h"

namespace waybill::serve {

enum class Transport : uint8_t { sse, websocket };

// Why a viewer's stream ended. left: it closed. over: nothing more will come. unwelcome: it may not see this any longer.
// drained: the server stops. slow: it took nothing. broken: it sent what it may not, or the stream failed.
enum class Ending : uint8_t { left, over, unwelcome, drained, slow, broken };
inline constexpr size_t endings = 6;

struct LiveMeter {
  Gauge& viewers;
  Counter& events;
  std::array<Counter*, endings> ended;

  LiveMeter(Metrics& metrics, Transport transport);
};

}  // namespace waybill::serve

// app/replay.h — sends a file of locations through the HTTP API, in its order, as fast as it was or faster.
//
// Order:    over one connection the file's; over several each deliverer's (each order's where no deliverer is named).
// Delivery: a location is sent until it is answered for good. Sent again, after a break or by a second run, it counts once: the
//           server knows it by event_id, else by its fields, and replay adds none.
// Failure:  invalid: the file, an option, or some of the locations were refused. denied, not_found: the server takes nothing.
//           unavailable: nobody answered for the first first_answer_wait, or a stop was asked for before the end.
// Limits:   a request has at most batch_bytes_max of body; a connection holds batches_waiting_max of them.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "app/http_client.h"
#include "app/lines.h"
#include "app/meter.h"
#include "base/clock.h"
#include "base/result.h"

namespace waybill::app {

inline constexpr size_t batch_bytes_max = 1 << 20;
inline constexpr size_t batches_waiting_max = 2;
inline constexpr double speed_max = std::numeric_limits<double>::infinity();  // as fast as it goes

struct ReplayOptions {
  LinesOptions lines{};
  std::string url = "http://127.0.0.1:5000";
  Trust trust{};
  double speed = 1;  // times real time, by the fix times; speed_max: no waiting
  uint64_t batch = 500;  // locations in one request
  uint64_t connections = 1;
  std::string progress{};  // a file; empty: <file>.waybill-replay, none for standard input. Removed at the end
  std::string bearer{};
};

// What became of lines that were answered for good.
struct SentCounts {
  uint64_t accepted = 0;
  uint64_t quarantined = 0;  // the server keeps them as they came, with the reason
  uint64_t refused = 0;  // the server keeps nothing of them

  SentCounts& operator+=(const SentCounts& other);
  bool operator==(const SentCounts&) const = default;
};

// How far it has come: every line up to `lines` was answered for good. Over one connection `counts` is of exactly these lines.
struct SentSoFar {
  uint64_t lines = 0;
  SentCounts counts{};
  std::string last_position{};  // one that the server gave; empty where none was seen
};

struct SendOptions {
  const ReplayOptions& replay;  // its file and its progress are not looked at
  std::string whose{};  // whose lines they are, for the log; empty where that is plain
  Meter& meter;
  Clock& clock;
  std::function<void(const SentSoFar&)> save;  // called about once a second, by a thread of its own
  std::optional<double> share_done{};  // of something larger, when these lines begin
  std::stop_token stop{};
};

struct SendOutcome {
  SentSoFar reached{};
  bool stopped = false;  // before the end
  std::optional<Error> error{};
};
// Sends the lines behind the first `already` ones.
Result<SendOutcome> send_lines(Lines& lines, uint64_t already, const SendOptions& options);

// Progress goes to standard error, the summary to standard output, each of the first refused locations to the log.
Result<void> run_replay(const ReplayOptions& options, Clock& clock, std::stop_token stop);

// "max", or a number from 1 up.
std::optional<double> parse_speed(std::string_view text);
// "latitude=lat,longitude=lng": our names to the file's.
Result<std::map<std::string, std::string>> parse_columns(std::string_view text);

}  // namespace waybill::app

// ingest/line_copy.h — a journal that is a copy of a line: every process that shares the line writes what comes from it to its own.
//
// Order:    of the line. A record's position is counted from the line's opening on, so it is the same in every copy.
// Delivery: each record once, without gaps. Of names that were erased only the remains are written (wire/erased_names.h).
// Threads:  run() in a thread of its own. Nobody else appends to the journal.
// Failure:  a broker that cannot be reached or refuses us, and a full disk, are tried again for ever, told in Health. conflict: the line
//           is another than the one that was copied so far. corrupt: the broker has let go of what is missing here, or the journal has
//           failed.
// Format:   docs/FORMATS.md, Broker.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/health.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "ingest/line_door.h"
#include "ingest/parcel.h"
#include "journal/journal.h"
#include "wire/erased_names.h"

namespace waybill::ingest {

// How far a line has been copied.
struct LineMark {
  uint64_t journal = 0;  // of the line's opening
  uint64_t place = 0;  // of the next message
  Position next{};  // of the next record
  uint64_t sum = 0;  // of the message before that place: whether it is still the same line

  bool operator==(const LineMark&) const = default;
};
Result<void> write_line_mark(Files& files, const std::string& path, const LineMark& mark);
Result<LineMark> read_line_mark(Files& files, const std::string& path);  // not_found where nothing was copied yet

struct LineCopyOptions {
  broker::Line line;
  uint64_t journal_id = 0;  // of this folder: what a line that it opens is of
  std::optional<LineMark> mark;  // what was noted last
  std::function<Result<void>(const LineMark&)> note;
  const wire::ErasedNames* erased = nullptr;  // outlives it; null: nobody is
};

class LineCopy {
 public:
  LineCopy(journal::Journal& journal, broker::Broker& broker, LineDoor& door, LineCopyOptions options, Clock& clock,
           Health& health, Metrics& metrics);

  Result<void> run(const std::stop_token& stop);

 private:
  // What has come and is told to the door when it is durable.
  struct Came {
    uint64_t door = 0;
    uint64_t number = 0;
    uint64_t first = 0;
  };
  Result<void> open();
  Result<void> join(broker::Inbox& inbox);
  Result<void> begin_line();
  Result<std::optional<LineMark>> opening_in(broker::Inbox& inbox);
  Result<LineMark> mark_behind(const Opening& opening, const broker::Message& message) const;
  Result<void> go_to_mark(broker::Inbox& inbox);
  Result<void> step();
  Result<void> take(const broker::Message& message);
  Result<void> append(const journal::Records& records, uint64_t first);
  Result<void> note(bool now);

  journal::Journal& journal_;
  broker::Broker& broker_;
  LineDoor& door_;
  const LineCopyOptions options_;
  Clock& clock_;
  Health& health_;
  std::unique_ptr<broker::Inbox> inbox_;
  std::optional<LineMark> mark_;  // now
  std::optional<LineMark> noted_;
  std::chrono::steady_clock::time_point noted_at_{};
  std::chrono::steady_clock::time_point heard_at_{};
  bool checks_ = false;  // the next message is the one before the mark
  uint64_t end_;  // of the journal, behind what was appended
  std::vector<Came> came_;
  Counter& records_;
  Counter& repeats_;
  Counter& foreign_;
};

}  // namespace waybill::ingest

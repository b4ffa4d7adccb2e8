// ingest/journals_for_tests.h — journals on simulated disks, and runners in threads, for tests of what hands records on.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "base/guarded.h"
#include "base/pause.h"
#include "base/random.h"
#include "base/simulated_files.h"
#include "journal/journal.h"

#define ASSERT_DONE(...)                       \
  do {                                         \
    const auto done = (__VA_ARGS__);           \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

namespace waybill::ingest {

inline constexpr std::chrono::seconds done_within{60};
inline journal::Records some_records(Random& random, uint64_t count) {
  journal::Records records;
  for (uint64_t i = 0; i < count; ++i) {
    for (uint64_t length = 1 + random.below(400); length > 0; --length)
      records.bytes += static_cast<char>(random.below(256));
    records.ends.push_back(records.bytes.size());
  }
  return records;
}

// A journal with its files; `open` again after a stop or a crash.
struct Kept {
  std::unique_ptr<SimulatedFiles> files = make_simulated_files();
  std::unique_ptr<Metrics> metrics = make_metrics();
  std::unique_ptr<journal::Journal> journal{};

  Result<void> open(uint32_t epoch = 1) {
    TRY_LET(journal, journal::open_journal({.folder = "journal", .epoch = epoch, .segment_bytes = 64 << 10}, *files,
                                           system_clock(), *metrics));
    return {};
  }
  void write(Random& random, uint64_t count) {
    ASSERT_DONE(journal->append(some_records(random, count)));
    ASSERT_DONE(journal->commit());
  }
  std::string all() const {
    std::string bytes;
    for (uint64_t next = journal->begin(); next < journal->durable_end();) {
      const auto read = journal->read(next, 1 << 20);
      if (!read) return read.error().message;
      for (size_t i = 0; i < read->records.size(); ++i) {
        bytes += std::to_string(next++) + ':';
        bytes += as_text(read->records[i]);
      }
    }
    return bytes;
  }
};

inline bool comes_to(const std::function<bool()>& condition) {
  const auto until = system_clock().steady() + done_within;
  while (!condition()) {
    if (system_clock().steady() > until) return false;
    pause(std::chrono::milliseconds(1), {});
  }
  return true;
}

// One of them in a thread, and what its run() said.
template <class Runner>
class Running {
 public:
  template <class... Parts>
  explicit Running(Parts&&... parts)
      : runner_(std::forward<Parts>(parts)...), thread_([this](const std::stop_token& stop) {
          if constexpr (std::is_void_v<decltype(runner_.run(stop))>) {
            runner_.run(stop);
          } else {
            said_.with([&, done = runner_.run(stop)](auto& said) { said = done; });
          }
        }) {}
  Runner& operator*() { return runner_; }
  Result<void> stop() {
    thread_.request_stop();
    return said();
  }
  Result<void> said() {
    thread_.join();
    return said_.with([](auto& said) { return said; });
  }

 private:
  Runner runner_;
  Guarded<Result<void>> said_;
  std::jthread thread_;
};

}  // namespace waybill::ingest

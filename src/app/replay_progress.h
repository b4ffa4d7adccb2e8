// app/replay_progress.h — how far a replay has come, so that it can go on after a break.
//
// Invariant: every line up to `lines` was answered for good (taken or refused); of later ones nothing is said, they are sent
//            again, and the server, which knows a location by its fields, counts none of them twice.
// Threads:   LinesDone: all methods from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "app/lines.h"
#include "base/guarded.h"

namespace waybill::app {

// Batches are answered in any order; done() is the last line before which nothing is open.
class LinesDone {
 public:
  explicit LinesDone(uint64_t already = 0) {
    state_.with([&](State& state) { state.read = already; });
  }

  void open(uint64_t first_line) {  // a batch begins with this line
    state_.with([&](State& state) { state.open.insert(first_line); });
  }
  void close(uint64_t first_line) {  // it is answered for good
    state_.with([&](State& state) { state.open.erase(first_line); });
  }
  void read_to(uint64_t line) {  // every line up to this one is in a batch that was opened, or needs none
    state_.with([&](State& state) { state.read = line; });
  }
  uint64_t done() const {
    return state_.with([](const State& state) { return state.open.empty() ? state.read : *state.open.begin() - 1; });
  }

 private:
  struct State {
    std::set<uint64_t> open;  // first lines of the batches under way
    uint64_t read = 0;
  };
  Guarded<State> state_;
};

struct ReplayProgress {
  uint64_t lines = 0;
  FileHead head{};  // of the file that it belongs to
  std::string url{};  // of the server that has the lines
  std::string last_position{};  // one that this server gave; empty where none was seen

  bool operator==(const ReplayProgress&) const = default;
};

std::string progress_json(const ReplayProgress& progress);
Result<ReplayProgress> read_progress(std::string_view json);

}  // namespace waybill::app

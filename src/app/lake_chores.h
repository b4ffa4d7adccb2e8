// app/lake_chores.h — what somebody asks to be done to the lake, or by its leave to the store: one thing at a time, in a thread of its own.
//
// compact: the files of each hour that is over become one. expire: what was replaced is removed. purge: the store lets go of what
// came before, once the lake's files of it were read again and the books of all were compared.
// Threads: any. What the doers name outlives it.
// Failure: of start(): conflict while one runs. How one ended is in state().
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "app/lake_writer.h"
#include "base/guarded.h"
#include "ingest/keep.h"
#include "serve/api.h"

namespace waybill::app {

// What became of it, in words; conflict where it is the other process's that writes the lake, or nobody's: "12 files were made of several".
Result<std::string> do_chore(const Config& config, const serve::LakeChore& chore, LakeWriter* lake,
                             ingest::Keeper& keeper, const std::stop_token& stop);

class LakeChores {
 public:
  using Do = std::function<Result<std::string>(const serve::LakeChore& chore, const std::stop_token& stop)>;
  explicit LakeChores(Do does) : do_(std::move(does)) {}

  Result<void> start(const serve::LakeChore& chore);
  std::string state() const;  // JSON: state (none, running, done, failed), do, said, error
  void stop();  // the one that runs is broken off between two of its steps; what it did stays

 private:
  struct State {
    bool running = false;
    std::string_view what{};
    std::optional<Result<std::string>> result{};
  };

  const Do do_;
  Guarded<State> state_;
  Guarded<std::jthread> thread_;  // last: it stops first
};

}  // namespace waybill::app

// base/child.h — another program that this process runs: started, watched, asked to stop; it does not outlive us.
//
// Threads: one at a time. The thread that starts it has to outlive it: when it ends, the system asks the child to stop.
// Failure: unavailable where the system does not start it or does not say.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace waybill {

struct ChildOptions {
  std::string program;  // a path
  std::vector<std::string> arguments{};
  std::string output{};  // a file that gets its standard output and standard error; made anew
  std::string without{};  // environment variables whose names begin with it are kept from the child; empty: none are
};

class Child {
 public:
  virtual ~Child() = default;  // kills it where it still runs
  virtual Result<Duration> cpu_time() const = 0;  // used by all its threads so far; not after it has ended
  virtual void ask_to_stop() = 0;  // SIGTERM
  // Its exit code, or 128 and the number of the signal that ended it; nothing where it still runs after that time.
  virtual std::optional<int> wait(std::chrono::milliseconds at_most) = 0;
};

// It has a process group of its own: Ctrl-C at the terminal reaches us alone.
Result<std::unique_ptr<Child>> start_child(const ChildOptions& options);

// The file that this process runs.
Result<std::string> own_program();

}  // namespace waybill

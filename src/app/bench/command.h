// app/bench/command.h — `waybill bench` on the command line.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

// Adds the flags; what it returns runs the command and gives its exit code.
std::function<int()> add_bench(CLI::App& command);

}  // namespace waybill::app

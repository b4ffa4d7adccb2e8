// app/client_commands.h — the flags of the commands that talk to a waybill over HTTP.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

// Adds the command's flags; what is returned runs it and gives the exit code.
std::function<int()> add_simulate(CLI::App& command);
std::function<int()> add_replay(CLI::App& command);

}  // namespace waybill::app

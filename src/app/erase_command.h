// app/erase_command.h — waybill erase: somebody's data out of a folder, by the process that serves it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

// Adds the command's flags; what is returned runs it and gives the exit code.
std::function<int()> add_erase(CLI::App& command);

}  // namespace waybill::app

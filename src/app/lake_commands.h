// app/lake_commands.h — `waybill lake`: what the lake holds, and how it came to.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_lake(CLI::App& command);

}  // namespace waybill::app

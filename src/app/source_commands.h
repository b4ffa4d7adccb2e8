// app/source_commands.h — `waybill source`: other sources whose tables stand in the lake beside ours.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_source(CLI::App& command);

}  // namespace waybill::app

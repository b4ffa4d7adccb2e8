// app/transform_commands.h — the command transform: makes the treated and final tables, and says what they are.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_transform(CLI::App& command);

}  // namespace waybill::app

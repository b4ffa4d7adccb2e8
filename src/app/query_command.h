// app/query_command.h — `waybill query`: questions to the lake, once or at a prompt.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_query(CLI::App& command);

}  // namespace waybill::app

// app/webhook_commands.h — the command webhook: who is told what happens, and what came of it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_webhook(CLI::App& command);

}  // namespace waybill::app

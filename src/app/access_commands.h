// app/access_commands.h — the commands token, user and link: who may come in.
#pragma once

#include <functional>
#include <string>

#include "app/config.h"

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_token(CLI::App& command);
std::function<int()> add_user(CLI::App& command);
std::function<int()> add_link(CLI::App& command);

// A new token of this deliverer, by the process that serves or without one. `days`: how long it holds; 0: for good.
Result<std::string> deliverers_token(const Config& config, const std::string& deliverer, int days);

}  // namespace waybill::app

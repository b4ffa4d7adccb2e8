// app/access_commands.h — the commands token, user and link: who may come in.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_token(CLI::App& command);
std::function<int()> add_user(CLI::App& command);
std::function<int()> add_link(CLI::App& command);

}  // namespace waybill::app

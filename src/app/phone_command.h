// app/phone_command.h — the command phone: a deliverer's phone, from its token to what its app is given.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace waybill::app {

std::function<int()> add_phone(CLI::App& command);

}  // namespace waybill::app

// app/serving.h — how a command finds the process that serves a data folder, and speaks with it as its administrator.
//
// While a process serves, its data folder holds `serving`: one line, the base URL. A killed one leaves it behind; who finds
// the folder's lock free need not ask.
#pragma once

#include <string>
#include <string_view>

#include "app/config.h"
#include "app/http_client.h"

namespace waybill::app {

Result<void> say_serving(const std::string& data, const std::string& url);
void say_stopped(const std::string& data);

// not_found where no process said that it serves.
Result<std::string> serving_url(const std::string& data);

enum class Ask : uint8_t { get, post, put, remove };

// The answer, whatever its status; unavailable where the process does not answer.
Result<HttpAnswer> call_serving(const Config& config, Ask ask, std::string_view path, std::string_view json_body = {});

}  // namespace waybill::app

#include "app/serving.h"

#include "app/access.h"
#include "base/files.h"

namespace waybill::app {
namespace {

std::string serving_path(const std::string& data) { return join_path(data, "serving"); }

}  // namespace

Result<void> say_serving(const std::string& data, const std::string& url) {
  return write_file_atomically(system_files(), serving_path(data), url + "\n");
}

void say_stopped(const std::string& data) {
  // It may be gone already; who finds it later finds nobody at its address.
  [[maybe_unused]] const Result<void> removed = system_files().remove(serving_path(data));
}

Result<std::string> serving_url(const std::string& data) {
  Result<std::string> line = read_file(system_files(), serving_path(data));
  if (!line && line.error().code == Code::not_found) return fail(Code::not_found, "no waybill process serves " + data);
  if (!line) return std::unexpected(line.error());
  return line->substr(0, line->find('\n'));
}

Result<HttpAnswer> call_serving(const Config& config, Ask ask, std::string_view path, std::string_view json_body) {
  TRY_LET(const std::string url, serving_url(config.data));
  TRY_LET(std::string token, own_token(config, Role::admin, std::chrono::minutes(1)));
  TRY_LET(const auto client,
          open_http_client({.url = url, .trust = {.whom = Trust::Whom::anybody}, .bearer = std::move(token)}));
  const HttpRequest request{.path = path, .body = json_body, .headers = {"Content-Type: application/json"}};
  switch (ask) {
    case Ask::get: return client->get(request);
    case Ask::post: return client->post(request);
    case Ask::put: return client->put(request);
    case Ask::remove: return client->remove(request);
  }
  return fail(Code::invalid, "no such method");
}

}  // namespace waybill::app

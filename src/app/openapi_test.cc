// web/openapi.json is true to the code: it has every route, and no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "app/assets.h"
#include "app/pages.h"
#include "app/webhooks.h"
#include "base/simulated_files.h"
#include "serve/live.h"
#include "store/memory.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

// The members of an object by their names, as they stand.
std::vector<std::pair<std::string, std::string_view>> members(std::string_view object) {
  std::vector<std::pair<std::string, std::string_view>> found;
  wire::JsonWalk walk(object);
  std::string_view name, value;
  std::string scratch;
  while (walk.next_member(name, value)) found.emplace_back(std::string(*wire::json_string(name, scratch)), value);
  return found;
}

std::string_view member(std::string_view object, std::string_view wanted) {
  for (const auto& [name, value] : members(object))
    if (name == wanted) return value;
  return "{}";
}

// "GET /v1/orders/{id}"; a slash at a path's end means nothing to the server.
std::string operation(std::string method, std::string path) {
  std::ranges::transform(method, method.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return method + ' ' + path;
}

class NobodyErased final : public serve::Erasures {
  Result<Erasure> of_name(Erasure::Kind, const std::string&) override { return Erasure{}; }
  Result<std::optional<std::string>> of(const Erasure&) override { return std::nullopt; }
  Result<std::optional<std::string>> at(const std::string&) override { return std::nullopt; }
  Result<std::string> all() override { return "[]"; }
  void go_on() override {}
};

std::set<std::string> served() {
  const auto files = make_simulated_files();
  const auto metrics = make_metrics();
  const auto journal = journal::open_journal({.folder = "journal"}, *files, system_clock(), *metrics);
  const auto store = store::open_memory_store();
  const auto audit = serve::open_audit("", *files, system_clock(), *metrics);
  ingest::Progress progress;
  ingest::Acceptor acceptor(**journal, *metrics);
  serve::Live live(*metrics);
  const Config config;
  const DataFolder folder{.path = "data", .lock = nullptr};
  const auto webhooks = open_webhooks({config, folder, **journal, **store, progress, *metrics});
  NobodyErased erasures;
  std::set<std::string> operations;
  for (const serve::Route& route :
       serve::api_routes({.acceptor = acceptor,
                          .journal = **journal,
                          .store = **store,
                          .progress = progress,
                          .metrics = *metrics,
                          .clock = system_clock(),
                          .audit = **audit,
                          .pages = pages(),
                          .live = &live,
                          .start_backup = [](const std::string&, uint64_t) { return Result<void>(); },
                          .backup_state = [] { return std::string(); },
                          .webhooks = webhooks->get(),
                          .erasures = &erasures,
                          .ask_lake = [](const Principal&, const std::string& sql,
                                         serve::AnswerForm) { return Result<std::string>(sql); },
                          .start_lake_chore = [](const serve::LakeChore&) { return Result<void>(); },
                          .lake_chore_state = [] { return std::string(); }}))
    // What the pages load is no interface for others.
    if (!route.pattern.starts_with("/web/"))
      operations.insert(operation(std::string(to_string(route.method)), route.pattern));
  return operations;
}

TEST(OpenApi, is_json) {
  const auto checked = wire::JsonChecker().check(openapi_json());
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST(OpenApi, has_every_route_and_no_other) {
  std::set<std::string> written;
  for (const auto& [path, item] : members(member(openapi_json(), "paths")))
    for (const auto& [method, value] : members(item))
      if (method != "parameters" && method != "summary" && method != "description")
        written.insert(operation(method, path));
  EXPECT_EQ(written, served());
}

}  // namespace
}  // namespace waybill::app

#include "app/lake_chores.h"

#include "base/log.h"
#include "wire/json_out.h"

namespace waybill::app {

using What = serve::LakeChore::What;

Result<std::string> do_chore(const Config& config, const serve::LakeChore& chore, LakeWriter* lake,
                             ingest::Keeper& keeper, const std::stop_token& stop) {
  if (!config.lake_enabled)
    return fail(Code::conflict,
                "this process writes no lake, so there is nothing that could be done to it or rely on it");
  if (lake == nullptr && chore.what != What::purge)
    return fail(Code::conflict, "another process writes the lake (lake.write is false), and tidies it up by itself");
  switch (chore.what) {
    case What::compact: {
      TRY_LET(const uint64_t made, lake->compact(stop));
      return "files made of several: " + std::to_string(made);
    }
    case What::expire: {
      TRY_LET(const uint64_t removed, lake->expire(chore.older_than));
      return "files removed: " + std::to_string(removed);
    }
    case What::purge: {
      TRY_LET(const uint64_t purged, keeper.let_go_before(chore.before, stop));
      return "the store has let go of everything below offset " + std::to_string(purged);
    }
  }
  return fail(Code::invalid, "no such chore");
}

Result<void> LakeChores::start(const serve::LakeChore& chore) {
  TRY(state_.with([&](State& state) -> Result<void> {
    if (state.running)
      return fail(Code::conflict, std::string(state.what) + " of the lake is running: one thing at a time");
    state = State{.running = true, .what = to_string(chore.what)};
    return {};
  }));
  thread_.with([&](std::jthread& thread) {
    thread = std::jthread([this, chore](const std::stop_token& stop) {
      Result<std::string> done = do_(chore, stop);
      if (done)
        log::info("done to the lake", {{"what", to_string(chore.what)}, {"said", *done}});
      else
        log::error("not done to the lake", {{"what", to_string(chore.what)}, {"why", done.error().message}});
      state_.with([&](State& state) {
        state.running = false;
        state.result = std::move(done);
      });
    });
  });
  return {};
}

void LakeChores::stop() {
  thread_.with([](std::jthread& thread) {
    thread.request_stop();
    if (thread.joinable()) thread.join();
  });
}

std::string LakeChores::state() const {
  return state_.with([](const State& state) {
    wire::JsonWriter json;
    const bool ended = state.result.has_value();
    json.begin_object().key("state").text(state.running   ? "running"
                                          : !ended        ? "none"
                                          : *state.result ? "done"
                                                          : "failed");
    if (!state.what.empty()) json.key("do").text(state.what);
    if (ended && *state.result) json.key("said").text(**state.result);
    if (ended && !*state.result) json.key("error").text(state.result->error().message);
    json.end_object();
    return json.take();
  });
}

}  // namespace waybill::app

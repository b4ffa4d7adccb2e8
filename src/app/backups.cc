#include "app/backups.h"

#include "base/log.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

int64_t whole(uint64_t value) { return static_cast<int64_t>(value); }

double seconds_of(Time time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

void write_manifest(wire::JsonWriter& json, const backup::Manifest& manifest) {
  json.key("generation").integer(whole(manifest.generation));
  json.key("files").integer(whole(manifest.entries.size()));
  json.key("bytes").integer(whole(manifest.bytes())).key("copied_bytes").integer(whole(manifest.copied_bytes));
  json.key("journal_begin").integer(whole(manifest.journal_begin));
  json.key("journal_end").integer(whole(manifest.journal_end));
  json.key("store_watermark").integer(whole(manifest.store_watermark));
}

}  // namespace

Backups::Backups(backup::Source source, Files& files, Clock& clock, Metrics& metrics)
    : source_(std::move(source)),
      files_(files),
      clock_(clock),
      last_success_(metrics.gauge("waybill_backup_last_success_timestamp_seconds",
                                  "when the last backup ended well, since the process started; 0: none did")),
      failures_(metrics.counter("waybill_backup_failures_total", "backups that ended with an error")) {}

Result<void> Backups::start(const std::string& to, uint64_t keep) {
  TRY(state_.with([&](State& state) -> Result<void> {
    if (state.running) return fail(Code::conflict, "a backup to " + state.to + " is running: one at a time");
    state = State{.running = true, .to = to, .started_at = clock_.now()};
    return {};
  }));
  thread_.with([&](std::jthread& thread) {
    thread = std::jthread([this, options = backup::TakeOptions{.to = to, .keep = keep}](const std::stop_token& stop) {
      run(options, stop);
    });
  });
  return {};
}

void Backups::run(const backup::TakeOptions& options, const std::stop_token& stop) {
  Result<backup::Manifest> taken = backup::take(source_, options, files_, clock_, stop);
  const Time now = clock_.now();
  if (taken) {
    last_success_.set(seconds_of(now));
    log::info("backed up", {{"to", options.to},
                            {"generation", taken->generation},
                            {"bytes", taken->bytes()},
                            {"copied", taken->copied_bytes}});
  } else {
    failures_.add();
    log::error("the backup failed, the generations before it stay", {{"why", taken.error().message}});
  }
  state_.with([&](State& state) {
    state.running = false;
    state.ended_at = now;
    state.result = std::move(taken);
  });
}

void Backups::stop() {
  thread_.with([](std::jthread& thread) {
    thread.request_stop();
    if (thread.joinable()) thread.join();
  });
}

std::string Backups::state() const {
  return state_.with([](const State& state) {
    wire::JsonWriter json;
    json.begin_object();
    const bool ended = state.result.has_value();
    json.key("state").text(state.running ? "running" : !ended ? "none" : *state.result ? "done" : "failed");
    if (state.running || ended) json.key("to").text(state.to).key("started_at").time(state.started_at);
    if (state.ended_at) json.key("ended_at").time(*state.ended_at);
    if (ended && *state.result) write_manifest(json, **state.result);
    if (ended && !*state.result) json.key("error").text(state.result->error().message);
    json.end_object();
    return json.take();
  });
}

std::string backup_state_text(const backup::Manifest& manifest, const std::string& to) {
  wire::JsonWriter json;
  json.begin_object().key("state").text("done").key("to").text(to);
  write_manifest(json, manifest);
  json.end_object();
  return json.take();
}

}  // namespace waybill::app

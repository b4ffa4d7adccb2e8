#include "app/lake_writer.h"

#include "app/name_key.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"

namespace waybill::app {
namespace {

constexpr int nice_steps = 15;  // the door goes first, then the store
constexpr std::chrono::seconds reach_again{5};

std::unexpected<Error> not_reached() { return fail(Code::unavailable, "the lake could not be reached yet"); }

// Who writes the lake may not be who made the key.
Result<void> need_erasures_key(const Config& config, wire::ErasedNames& names) {
  TRY(look_for_name_key(config, names));
  if (names.has_key()) return {};
  return fail(Code::invalid, config.keys_folder() + " has no key of erased names: who was erased cannot be told apart");
}

bool may_get_better(const Error& error) { return error.code == Code::unavailable || error.code == Code::overloaded; }

}  // namespace

LakeWriter::LakeWriter(const Config& config, const DataFolder& folder, journal::Source& journal, Clock& clock,
                       Metrics& metrics, std::shared_ptr<wire::ErasedNames> erased)
    : config_(config),
      folder_(folder),
      journal_(journal),
      clock_(clock),
      metrics_(metrics),
      erased_(std::move(erased)) {}

Result<void> LakeWriter::reach() {
  if (!opened_) {
    TRY_LET(opened_, lake::open_catalog(*objects_, clock_));
  }
  TRY_LET(bronze_, lake::open_bronze(journal_, *objects_, *opened_, clock_, metrics_,
                                     {.roll_every = std::chrono::seconds(config_.lake_roll_seconds),
                                      .roll_bytes = config_.lake_roll_mib << 20,
                                      .erased = erased_,
                                      .need_key = [this] { return need_erasures_key(config_, *erased_); },
                                      .history = std::chrono::hours(config_.lake_history_hours)}));
  writing_.store(bronze_.get(), std::memory_order_release);
  return {};
}

Result<void> LakeWriter::take_over() {
  TRY(open());
  return reach();
}

Result<uint64_t> LakeWriter::compact(const std::stop_token& stop) {
  lake::Bronze* bronze = writing_.load(std::memory_order_acquire);
  if (bronze == nullptr) return not_reached();
  uint64_t made = 0;
  while (!stop.stop_requested()) {
    TRY_LET(const bool more, bronze->compact_next());
    if (!more) break;
    ++made;
  }
  return made;
}

Result<uint64_t> LakeWriter::expire(std::chrono::hours older_than) {
  lake::Bronze* bronze = writing_.load(std::memory_order_acquire);
  if (bronze == nullptr) return not_reached();
  return bronze->expire(older_than);
}

Result<void> LakeWriter::open() {
  TRY_LET(objects_, open_objects_of(config_, folder_, giving_up_.get_token()));
  return {};
}

void LakeWriter::start(std::function<void(const Error&)> on_failure) {
  thread_ = std::jthread([this, on_failure = std::move(on_failure)](const std::stop_token& asked) {
    name_this_thread("lake");
    let_others_run_first(nice_steps);
    if (auto ran = run(asked); !ran) on_failure(ran.error());
    ended_.set_value();
  });
}

Result<void> LakeWriter::run(const std::stop_token& stop) {
  while (true) {
    const Result<void> reached = reach();
    if (reached) break;
    if (!may_get_better(reached.error())) return reached;
    log::warning("the lake cannot be reached; the journal keeps what it shall have",
                 {{"why", reached.error().message}});
    pause(reach_again, stop);
    if (stop.stop_requested()) return {};
  }
  return bronze_->run(stop);
}

void LakeWriter::stop(std::chrono::milliseconds wait_max) {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  if (ended_.get_future().wait_for(wait_max) == std::future_status::timeout)
    log::warning("the lake does not take the rest in time; the next start brings it");
  giving_up_.request_stop();
  thread_.join();
}

}  // namespace waybill::app

#include "app/lake_view.h"

#include "app/lake_custody.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"
#include "lake/books.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds look_every{10};
constexpr std::chrono::seconds look_again{5};  // where it failed

uint64_t end_of(const lake::Snapshot& lake, uint32_t partition) {
  const auto mark = lake.watermarks.find(partition);
  return mark == lake.watermarks.end() ? 0 : mark->second.end;
}

}  // namespace

LakeView::LakeView(const Config& config, const DataFolder& folder, const journal::Source& journal, Clock& clock,
                   Metrics& metrics)
    : config_(config),
      folder_(folder),
      journal_(journal),
      clock_(clock),
      not_treated_(metrics.gauge("waybill_transform_lag_rows",
                                 "rows of raw.deliverer_location that treated.location is not made of yet")),
      lag_(config.lake_write
               ? nullptr
               : &metrics.gauge("waybill_lake_lag_records", "durable records that are not in the lake yet")) {}

void LakeView::start() {
  thread_ = std::jthread([this](const std::stop_token& asked) {
    name_this_thread("lake view");
    while (!asked.stop_requested()) {
      newest();
      pause(look_every, asked);
    }
  });
}

void LakeView::stop() {
  giving_up_.request_stop();
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::shared_ptr<const lake::Snapshot> LakeView::known() const {
  return known_.with([](const std::shared_ptr<const lake::Snapshot>& known) { return known; });
}

std::shared_ptr<const lake::Snapshot> LakeView::newest() {
  {
    const std::lock_guard lock(looking_);
    look();
  }
  return known();
}

ingest::Consumer LakeView::consumer() {
  const uint32_t partition = journal_.partition();
  return {.name = "lake",
          .durable = [this, partition]() -> uint64_t {
            const auto state = newest();
            return state ? end_of(*state, partition) : 0;
          },
          .sum = [this, partition](uint64_t from, uint64_t to) -> std::optional<store::Sum> {
            const auto state = newest();
            if (!state) return std::nullopt;
            return state->sum(partition, from, to);
          },
          .reread = [this, partition](uint64_t from, uint64_t to) -> Result<void> {
            const auto state = newest();
            if (!state) return fail(Code::unavailable, "the lake could not be reached yet");
            TRY_LET(const auto objects, open_objects_to_read(config_, folder_, giving_up_.get_token()));
            return lake::reread_range(*state, *objects, partition, from, to);
          }};
}

void LakeView::look() {
  if (not_before_ && clock_.steady() < *not_before_) return;
  if (const auto looked = try_to_look(); !looked) {
    // A folder that is not there yet is made by who writes the lake.
    if (looked.error().code != Code::not_found)
      log::warning("the lake's catalog cannot be read; what is known of it stays", {{"why", looked.error().message}});
    not_before_ = clock_.steady() + look_again;
    if (looked.error().code == Code::not_found) not_before_.reset();
    return;
  }
  not_before_.reset();
}

Result<void> LakeView::try_to_look() {
  if (!objects_) {
    TRY_LET(objects_, open_objects_to_read(config_, folder_, giving_up_.get_token()));
  }
  if (!catalog_) {
    TRY_LET(catalog_, lake::open_catalog(*objects_, clock_));
  } else {
    TRY(catalog_->refresh());
  }
  const auto state = catalog_->now();
  not_treated_.set(static_cast<double>(rows_not_treated(*state)));
  if (lag_) {
    const uint64_t end = end_of(*state, journal_.partition());
    lag_->set(static_cast<double>(std::max(journal_.durable_end(), end) - end));
  }
  known_.with([&](std::shared_ptr<const lake::Snapshot>& known) { known = state; });
  return {};
}

}  // namespace waybill::app

#include "app/sync_speed.h"

#include <algorithm>
#include <vector>

#include "base/files.h"

namespace waybill::app {
namespace {

constexpr size_t write_bytes = 4096;

Result<SyncSpeed> measure_in(File& file, Clock& clock, const SyncMeasure& measure) {
  const std::string zeros(write_bytes * measure.writes_max, '\0');
  TRY(file.write_at(0, as_bytes(zeros)));
  TRY(file.sync());
  const std::string block(write_bytes, 'w');
  std::vector<std::chrono::microseconds> times;
  const auto begin = clock.steady();
  for (size_t i = 0; i < measure.writes_max && clock.steady() - begin < measure.time_max; ++i) {
    if (measure.stop.stop_requested()) break;
    const auto before = clock.steady();
    TRY(file.write_at(i * write_bytes, as_bytes(block)));
    TRY(file.sync());
    times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(clock.steady() - before));
  }
  if (times.empty()) return fail(Code::unavailable, "measure the disk: stopped before the first write");
  const std::chrono::duration<double> took = clock.steady() - begin;
  std::ranges::sort(times);
  return SyncSpeed{.p50 = times[times.size() / 2],
                   .p99 = times[times.size() * 99 / 100],
                   .per_second = took.count() > 0 ? static_cast<double>(times.size()) / took.count() : 0};
}

}  // namespace

Result<SyncSpeed> measure_sync(const std::string& folder, Clock& clock, const SyncMeasure& measure) {
  const std::string path = join_path(folder, "sync.probe");
  Files& files = system_files();
  if (auto removed = files.remove(path); !removed && removed.error().code != Code::not_found)
    return std::unexpected(removed.error());
  TRY_LET(const auto file, files.open(path, OpenMode::create));
  Result<SyncSpeed> speed = measure_in(*file, clock, measure);
  TRY(files.remove(path));
  return speed;
}

}  // namespace waybill::app

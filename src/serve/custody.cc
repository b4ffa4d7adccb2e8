#include "serve/custody.h"

#include <condition_variable>
#include <mutex>

#include "serve/problem.h"

namespace waybill::serve {
namespace {

constexpr std::chrono::seconds visible_wait_max{2};

bool wait_until_visible(ingest::Progress& progress, uint64_t offset) {
  struct Signal {
    std::mutex mutex;
    std::condition_variable reached;
    bool there = false;
  };
  const auto signal = std::make_shared<Signal>();  // shared: Progress may keep it longer than we wait
  progress.when(offset, [signal] {
    std::lock_guard lock(signal->mutex);
    signal->there = true;
    signal->reached.notify_all();
  });
  std::unique_lock lock(signal->mutex);
  return signal->reached.wait_for(lock, visible_wait_max, [&] { return signal->there; });
}

}  // namespace

std::optional<Reply> keep_record(const ApiParts& parts, const wire::Record& record) {
  const auto kept = parts.acceptor.accept({&record, 1});
  if (!kept) return reply_of(kept.error());
  if (const auto durable = parts.journal.commit(); !durable) return reply_of(durable.error());
  if (!wait_until_visible(parts.progress, kept->first + kept->count))
    return reply_of(Problem{.status = 503, .detail = "it is kept, but the store does not show it yet"});
  return std::nullopt;
}

}  // namespace waybill::serve

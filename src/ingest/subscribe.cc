#include "ingest/subscribe.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds idle_wait{500};
// A batch costs about as much as some tens of records. So what came in is left to gather company, unless somebody waits
// for it; no reader and no viewer sees more of it than this.
constexpr std::chrono::milliseconds gather_time{1};
constexpr size_t small_batch_records = 1000;
// With so many waiting behind it, the next batch is read and decoded while the one at hand is put.
constexpr uint64_t ahead_records_min = 4000;
constexpr std::chrono::milliseconds retry_wait_first{10};
constexpr std::chrono::milliseconds retry_wait_max{1000};
// A fix older than this came late or from a file: it says nothing about how long we take.
constexpr Duration fresh_max = std::chrono::minutes(10);

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::vector<store::Entry> decode(const journal::ReadResult& read, Counter& undecodable) {
  std::vector<store::Entry> entries;
  entries.reserve(read.records.size());
  for (size_t i = 0; i < read.records.size(); ++i) {
    const Bytes bytes = read.records[i];
    store::Entry& entry = entries.emplace_back();
    entry.offset = read.first + i;
    if (const Result<void> decoded = wire::decode_record(bytes, entry.record.emplace()); decoded) {
      entry.encoded = as_text(bytes);
    } else {
      entry.record.reset();
      entry.undecoded = as_text(bytes);
      undecodable.add();
      log::error("a record cannot be decoded, it goes to quarantine",
                 {{"offset", entry.offset}, {"why", decoded.error().message}});
    }
  }
  return entries;
}

}  // namespace

Result<void> check_agreement(const journal::Journal& journal, const store::Store& store) {
  const store::Watermarks marks = store.watermarks();
  if (marks.epoch != 0 && marks.partition != journal.partition())
    return fail(Code::conflict, "the store follows partition " + std::to_string(marks.partition) +
                                    ", the folder's journal is partition " + std::to_string(journal.partition()));
  if (marks.epoch != 0)
    if (auto checked = journal.epochs().check_watermark(marks.epoch, marks.visible); !checked)
      return fail(Code::conflict, "the store does not belong to this journal: " + checked.error().message);
  if (journal.durable_end() < marks.durable)
    return fail(Code::corrupt, "the journal ends at " + to_string(journal.position(journal.durable_end())) +
                                   " but the store already has everything below " +
                                   to_string(journal.position(marks.durable)) +
                                   ": durable records are gone from the end of the journal");
  if (journal.begin() > marks.durable)
    return fail(Code::corrupt, "the store needs the journal from " + to_string(journal.position(marks.durable)) +
                                   " on but it begins at " + to_string(journal.position(journal.begin())));
  return {};
}

Subscriber::Subscriber(journal::Journal& journal, store::Store& store, Progress& progress, Health& health, Clock& clock,
                       Metrics& metrics, Feed* feed)
    : journal_(journal),
      store_(store),
      progress_(progress),
      health_(health),
      clock_(clock),
      feed_(feed),
      next_(store.watermarks().visible),
      put_(metrics.counter("waybill_ingest_put_total", "records put into the store")),
      undecodable_(metrics.counter("waybill_ingest_undecodable_total", "journal records that could not be decoded")),
      lag_(metrics.gauge("waybill_ingest_lag_records", "durable records that are not visible yet")),
      put_seconds_(
          metrics.histogram("waybill_ingest_put_seconds", "time of one batch into the store", duration_bounds())),
      received_to_visible_seconds_(metrics.histogram("waybill_ingest_received_to_visible_seconds",
                                                     "from the arrival of a location to its being readable",
                                                     duration_bounds())),
      fix_to_visible_seconds_(metrics.histogram(
          "waybill_ingest_fix_to_visible_seconds",
          "from the fix on the device to its being readable, of fixes at most 10 minutes old", duration_bounds())) {
  for (size_t i = 0; i < taken_.size(); ++i)
    taken_[i] = &metrics.counter("waybill_store_taken_total", "records that the store took in, by what became of them",
                                 {{"outcome", std::string(to_string(store::Outcome(i)))}});
  counted_ = store.watermarks().taken;
  progress_.reached(next_);
}

Result<size_t> Subscriber::step() {
  if (!at_hand_) {
    TRY_LET(at_hand_, ahead_.valid() ? ahead_.get() : read(next_));
    if (at_hand_->entries.empty()) {
      at_hand_.reset();
      return 0;
    }
  }
  const std::span<const store::Entry> entries = at_hand_->entries;
  const uint64_t end = next_ + entries.size();
  if (!ahead_.valid() && journal_.durable_end() >= end + ahead_records_min)
    ahead_ = std::async([this, end] { return read(end); });
  const auto begun = clock_.steady();
  events_.clear();
  const bool told = feed_ && feed_->wanted();
  TRY(store_.put(journal_.position(next_), entries, told ? &events_ : nullptr));
  put_seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
  next_ = end;
  // Before anybody can see it: who has read a location finds it counted.
  put_.add(entries.size());
  const auto taken = store_.watermarks().taken;
  for (size_t i = 0; i < taken_.size(); ++i) taken_[i]->add(taken[i] - std::exchange(counted_[i], taken[i]));
  // Who begins to listen from here on finds all of it in the store.
  const bool came_meanwhile = !told && feed_ && feed_->wanted();
  progress_.reached(next_);
  if (told) feed_->tell(events_);
  if (came_meanwhile) feed_->missed();
  observe(entries);
  const size_t put = entries.size();
  at_hand_.reset();
  return put;
}

Subscriber::Read Subscriber::read(uint64_t offset) {
  auto batch = std::make_unique<Batch>();
  TRY_LET(batch->read, journal_.read(offset, batch_bytes_max));
  batch->entries = decode(batch->read, undecodable_);
  return batch;
}

void Subscriber::observe(std::span<const store::Entry> entries) {
  const Time now = clock_.now();
  for (const store::Entry& entry : entries) {
    const auto* location = entry.record ? std::get_if<Location>(&*entry.record) : nullptr;
    if (location == nullptr) continue;
    received_to_visible_seconds_.observe(seconds(now - location->received_at));
    if (now - location->fix_time < fresh_max) fix_to_visible_seconds_.observe(seconds(now - location->fix_time));
  }
  const uint64_t end = journal_.durable_end();
  lag_.set(static_cast<double>(end - std::min(end, next_)));
}

Result<void> Subscriber::run(std::stop_token stop) {
  const uint64_t behind_at_start = journal_.durable_end();
  auto retry_wait = retry_wait_first;
  if (next_ < behind_at_start) health_.bad("subscribe", "catching up with the journal after a stop");
  while (true) {
    Result<size_t> put = step();
    if (put) {
      retry_wait = retry_wait_first;
      if (next_ >= behind_at_start) health_.good("subscribe");
      if (journal_.durable_end() - next_ >= small_batch_records) continue;
      if (*put == 0) {
        if (stop.stop_requested()) return {};
        journal_.wait_for(next_, idle_wait, stop);
      }
      progress_.wait_until_wanted(gather_time, stop);
      continue;
    }
    const Error& error = put.error();
    health_.bad("subscribe", error.message);
    log::error("the store does not take records", {{"offset", next_}, {"why", error.message}});
    if (error.code != Code::overloaded && error.code != Code::unavailable) return fail_in("subscribe", error);
    if (stop.stop_requested()) return {};  // what is not put is in the journal and is put at the next start
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
}

}  // namespace waybill::ingest

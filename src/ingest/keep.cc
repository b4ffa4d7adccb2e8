#include "ingest/keep.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace waybill::ingest {

Keeper::Keeper(journal::Journal& journal, store::Store& store, Files& files, Health& health, Clock& clock,
               Metrics& metrics, KeepOptions options)
    : journal_(journal),
      store_(store),
      files_(files),
      health_(health),
      clock_(clock),
      options_(std::move(options)),
      flushed_at_(clock.steady()),
      date_(clock),
      durable_(metrics.gauge("waybill_store_durable_offset", "offset behind the last position durable in the store")),
      visible_(metrics.gauge("waybill_store_visible_offset", "offset behind the last position visible in the store")),
      journal_begin_(metrics.gauge("waybill_journal_begin_offset", "first offset that is kept")),
      journal_end_(metrics.gauge("waybill_journal_durable_offset", "offset behind the last durable record")),
      store_bytes_(metrics.gauge("waybill_store_disk_bytes", "files of the store")),
      purged_(metrics.gauge("waybill_store_purged_offset", "offset behind the last position that was let go")),
      purged_total_(metrics.counter("waybill_store_purged_total", "positions let go by this process")),
      flush_seconds_(metrics.histogram("waybill_store_flush_seconds", "making the store durable", duration_bounds())),
      flush_failures_(
          metrics.counter("waybill_store_flush_failures_total", "times that the store could not be made durable")) {
  purged_.set(static_cast<double>(store.watermarks().purged));
}

Result<void> Keeper::flush() {
  const std::lock_guard lock(flushing_);
  const auto begun = clock_.steady();
  if (store_.watermarks().visible > store_.watermarks().durable) {
    TRY(store_.flush());
    flush_seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
  }
  publish();
  return {};
}

void Keeper::publish() {
  const store::Watermarks marks = store_.watermarks();
  durable_.set(static_cast<double>(marks.durable));
  visible_.set(static_cast<double>(marks.visible));
  journal_begin_.set(static_cast<double>(journal_.begin()));
  journal_end_.set(static_cast<double>(journal_.durable_end()));
}

uint64_t Keeper::trim_end(uint64_t let_go) const {
  const journal::JournalStatus status = journal_.status();
  const uint64_t keep_bytes = status.full ? 0 : options_.journal_keep_bytes;  // a full disk needs the room
  uint64_t kept_bytes = status.disk_bytes;
  uint64_t end = status.begin;
  for (size_t i = 0; i + 1 < status.segments.size(); ++i) {
    if (kept_bytes <= keep_bytes) break;
    kept_bytes -= std::min(kept_bytes, status.segments[i].disk_bytes);
    end = status.segments[i + 1].first;
  }
  // Up to the next multiple above the segment's end, so that this segment is below it; the books cover the little more.
  const uint64_t rounded = (end + store::ledger_span - 1) / store::ledger_span * store::ledger_span;
  return std::min(std::max(rounded, let_go), durable());
}

uint64_t Keeper::durable() const {
  uint64_t end = store_.watermarks().durable;
  for (const Consumer& consumer : options_.consumers) end = std::min(end, consumer.durable());
  return end / store::ledger_span * store::ledger_span;
}

Result<void> Keeper::compare(uint64_t from, uint64_t to, const store::Sum& journal) const {
  const auto same = [&](const std::string& whose, const std::optional<store::Sum>& sum) -> Result<void> {
    if (sum == journal) return {};
    return fail(Code::corrupt, "trim: the books of offsets " + std::to_string(from) + " to " + std::to_string(to) +
                                   " differ: journal has " + std::to_string(journal.count) + " records, " + whose +
                                   " has " + (sum ? std::to_string(sum->count) : "no books of them"));
  };
  TRY_LET(const std::vector<store::Ledger> ledgers, store_.ledgers());
  store::Sum stored;
  for (const store::Ledger& ledger : ledgers)
    if (ledger.from >= from && ledger.to <= to) stored += ledger.total();
  TRY(same("store", stored));
  for (const Consumer& consumer : options_.consumers)
    if (consumer.sum) TRY(same(consumer.name, consumer.sum(from, to)));
  return {};
}

Result<uint64_t> Keeper::trim(uint64_t let_go) {
  const std::unique_lock lock(trimming_, std::try_to_lock);
  if (!lock) return journal_.begin();
  TRY_LET(Trimmed trimmed, read_trimmed(files_, options_.trimmed_path));
  const uint64_t end = trim_end(let_go);
  if (end > trimmed.end) {
    const ReadRecords read = [this](uint64_t offset, size_t bytes) { return journal_.read(offset, bytes); };
    TRY_LET(const store::Sum sum, sum_of_journal(read, trimmed.end, end));
    TRY(compare(trimmed.end, end, sum));
    trimmed.epoch = journal_.epoch();
    trimmed.partition = journal_.partition();
    trimmed.end = end;
    trimmed.sum += sum;
    TRY(write_trimmed(files_, options_.trimmed_path, trimmed));
  }
  // Only the part that is beyond what shall be kept: the books may be ahead of it.
  TRY(journal_.trim(std::min(trimmed.end, end)));
  return journal_.begin();
}

Result<uint64_t> Keeper::store_bytes() {
  if (options_.store_folder.empty()) return 0;
  TRY_LET(const std::vector<FileInfo> files, files_.list(options_.store_folder));
  uint64_t bytes = 0;
  for (const FileInfo& file : files) bytes += file.size;
  store_bytes_.set(static_cast<double>(bytes));
  return bytes;
}

Result<uint64_t> Keeper::let_go_end(uint64_t store_bytes) {
  const store::Watermarks marks = store_.watermarks();
  uint64_t end = marks.purged;
  if (options_.keep.count() > 0) {
    TRY_LET(const std::vector<store::Ledger> ledgers, store_.ledgers());
    end = std::max(end, aged_end(ledgers, date_.now() - options_.keep));
  }
  if (options_.store_bytes_max > 0) end = std::max(end, oversized_end(marks, store_bytes, options_.store_bytes_max));
  return std::min(end, durable());
}

Result<void> Keeper::let_go(std::stop_token stop) {
  const std::lock_guard lock(letting_go_);
  const uint64_t purged = store_.watermarks().purged;
  uint64_t end = purged;
  TRY_LET(const uint64_t bytes, store_bytes());
  // What is being cleared away still takes room: the size says something when it is done.
  if (!clearing_) {
    TRY_LET(end, let_go_end(bytes));
    if (options_.store_bytes_max > 0 && bytes > options_.store_bytes_max && end <= purged)
      return fail(Code::overloaded,
                  "the store takes " + std::to_string(bytes >> 20) + " MiB, more than its budget of " +
                      std::to_string(options_.store_bytes_max >> 20) + ", and has nothing older to let go");
  }
  if (end > purged)
    if (const auto begun = purge(end); !begun) return begun.error().code == Code::conflict ? Result<void>() : begun;
  while (clearing_) {
    TRY(clear_away(end));
    if (is_due() || stop.stop_requested()) break;
  }
  TRY(store_bytes());
  return {};
}

Result<void> Keeper::purge(uint64_t end) {
  const uint64_t purged = store_.watermarks().purged;
  for (const Consumer& consumer : options_.consumers) TRY(consumer.reread(purged, end));
  TRY(trim(end));
  TRY_LET(const Trimmed trimmed, read_trimmed(files_, options_.trimmed_path));
  if (trimmed.end < end)
    return fail(Code::conflict, "a backup holds the journal: nothing is let go of until it has ended");
  log::info("the store lets go", {{"from", purged}, {"to", end}, {"of", store_.watermarks().visible}});
  clearing_ = true;
  return {};
}

Result<void> Keeper::clear_away(uint64_t end) {
  TRY_LET(clearing_, store_.purge(end));
  purged_total_.add(store_.watermarks().purged - static_cast<uint64_t>(purged_.value()));
  purged_.set(static_cast<double>(store_.watermarks().purged));
  return {};
}

Result<uint64_t> Keeper::let_go_before(Time before, std::stop_token stop) {
  TRY(flush());
  const std::lock_guard lock(letting_go_);
  TRY_LET(const std::vector<store::Ledger> ledgers, store_.ledgers());
  const uint64_t purged = store_.watermarks().purged;
  const uint64_t end = std::max(purged, std::min(aged_end(ledgers, before), durable()));
  if (end > purged) TRY(purge(end));
  while (clearing_ && !stop.stop_requested()) TRY(clear_away(end));
  TRY(store_bytes());
  return store_.watermarks().purged;
}

bool Keeper::is_due() const {
  const store::Watermarks marks = store_.watermarks();
  return clock_.steady() - flushed_at_ >= options_.flush_every ||
         marks.visible - marks.durable >= options_.flush_records_max;
}

void Keeper::step(std::stop_token stop) {
  if (!is_due() && !journal_.status().full) return;
  if (auto flushed = flush(); !flushed) {
    flush_failures_.add();
    health_.bad("store", flushed.error().message);
    log::error("the store cannot be made durable, the journal keeps what it holds", {{"why", flushed.error().message}});
    return;
  }
  flushed_at_ = clock_.steady();
  health_.good("store");
  const uint64_t begin = journal_.begin();
  const Result<uint64_t> trimmed = trim();
  if (!trimmed) {
    health_.bad("trim", trimmed.error().message);
    log::error("the journal is not trimmed", {{"why", trimmed.error().message}});
    return;
  }
  health_.good("trim");
  if (*trimmed != begin) log::info("trimmed the journal", {{"from", begin}, {"to", *trimmed}});
  if (auto done = let_go(stop); !done) {
    health_.bad("retention", done.error().message);
    log::error("the store does not let go of what it should", {{"why", done.error().message}});
    return;
  }
  health_.good("retention");
}

void Keeper::run(std::stop_token stop) {
  constexpr std::chrono::milliseconds look_every{1000};
  while (!stop.stop_requested()) {
    pause(look_every, stop);
    const journal::JournalStatus status = journal_.status();
    if (status.full)
      health_.bad("journal", "full: the disk or its budget has no room, nothing more is accepted until there is");
    else
      health_.good("journal");
    step(stop);
    publish();
  }
}

}  // namespace waybill::ingest

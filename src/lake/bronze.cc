#include "lake/bronze.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "base/pause.h"
#include "lake/bronze_range.h"
#include "lake/compact.h"

namespace waybill::lake {
namespace {

constexpr size_t read_bytes_max = 1 << 20;
// Nobody waits for what is collected, so it is read in large pieces.
constexpr std::chrono::milliseconds gather_time{500};
constexpr uint64_t behind_records_min = 10'000;
constexpr std::chrono::milliseconds retry_wait_first{100};
constexpr std::chrono::milliseconds retry_wait_max{10'000};

// Of remains without a rest nobody knows when they came.
bool has_time(const wire::Record& record) {
  const auto* remains = std::get_if<wire::Remains>(&record);
  return remains == nullptr || !remains->rest.empty();
}

class JournalBronze final : public Bronze {
 public:
  JournalBronze(journal::Journal& journal, Objects& objects, Catalog& catalog, Clock& clock, Metrics& metrics,
                BronzeOptions options)
      : journal_(journal),
        objects_(objects),
        catalog_(catalog),
        clock_(clock),
        options_(std::move(options)),
        range_(new_range()),
        end_offset_(metrics.gauge("waybill_lake_bronze_end_offset", "offset behind the last position in the lake")),
        lag_(metrics.gauge("waybill_lake_lag_records", "durable records that are not in the lake yet")),
        rows_(metrics.counter("waybill_lake_bronze_rows_total", "rows written to the lake's raw tables")),
        bytes_(metrics.counter("waybill_lake_bronze_bytes_total", "bytes of their files")),
        files_(metrics.counter("waybill_lake_bronze_files_total", "their files")),
        failures_(metrics.counter("waybill_lake_failures_total", "times that the lake did not take what it should")),
        write_seconds_(metrics.histogram("waybill_lake_write_seconds", "making, putting and committing a range's files",
                                         duration_bounds())) {}

  Result<void> open() { return take_over(); }

  Result<void> run(std::stop_token stop) override {
    auto retry_wait = retry_wait_first;
    while (true) {
      // After stop, one more time: nothing more is accepted by then.
      const bool last = stop.stop_requested();
      const Result<size_t> taken = step(last ? Write::all : Write::due);
      if (taken) {
        retry_wait = retry_wait_first;
        if (last && *taken == 0) return {};
        if (last || behind()) continue;
        keep_tidy();
        pause(next_pause(), stop);
        continue;
      }
      const Error& error = taken.error();
      failures_.add();
      log::error("the lake does not take records, the journal keeps them", {{"offset", end()}, {"why", error.message}});
      if (error.code != Code::overloaded && error.code != Code::unavailable) return fail_in("lake", error);
      if (last) return {};  // what is not in the lake is in the journal
      pause(retry_wait, stop);
      retry_wait = std::min(retry_wait * 2, retry_wait_max);
    }
  }

  Result<size_t> step(Write write) override {
    const std::lock_guard lock(writing_);
    return take(write);
  }

  Result<void> bring_to(uint64_t offset) override {
    const std::lock_guard lock(writing_);
    while (lost_ || next_ < offset) {
      TRY_LET(const size_t taken, take(Write::due));
      if (taken == 0 && next_ < offset)
        return fail(Code::unavailable, "the lake cannot be brought to offset " + std::to_string(offset) +
                                           ": the journal ends at " + std::to_string(next_));
    }
    if (end() < offset) TRY(put_range());
    return {};
  }

  Result<ErasedFile> erase_next(std::set<std::string>& looked_at) override {
    if (!options_.erased) return fail(Code::invalid, "erase: the lake was opened without the names of who was erased");
    const std::lock_guard lock(writing_);
    if (lost_) TRY(take_over());
    // What is collected came before the name was known.
    if (looked_at.empty()) {
      if (!range_->empty()) TRY(put_range());
      TRY(catalog_.refresh());  // an answer may have been lost
    }
    const auto state = catalog_.now();
    for (size_t i = 0; i < bronze_table_count; ++i)
      for (const DataFile* file : state->of_table(table_name(BronzeTable(i)))) {
        if (!file->from || looked_at.contains(file->key)) continue;
        TRY_LET(ErasedFile erased, erase_from(objects_, catalog_, claim_, *file, *options_.erased));
        looked_at.insert(erased.key.empty() ? file->key : erased.key);
        return erased;
      }
    return ErasedFile{.more = false};
  }

  Result<void> forget_replaced() override {
    const std::lock_guard lock(writing_);
    if (lost_) TRY(take_over());
    // The newest version is always kept with what it replaced: one that replaces nothing comes behind it.
    TRY(catalog_.commit({.role = std::string(bronze_role), .claim = claim_, .what = "erased"}));
    TRY(catalog_.expire(clock_.now() + std::chrono::seconds(1)));
    return {};
  }

  Result<bool> compact_next() override {
    const std::lock_guard lock(writing_);
    const auto state = catalog_.now();
    // Also what is collected now may be of an hour that is over.
    const IngestHour open = range_->empty() ? ingest_hour(clock_.now()) : range_->hour();
    const auto files = next_to_compact(*state, open, options_.compact);
    if (files.empty()) return false;
    TRY(compact(objects_, catalog_, claim_, files));
    return true;
  }

  Result<uint64_t> expire(std::chrono::hours history) override {
    const std::lock_guard lock(writing_);
    TRY_LET(const uint64_t replaced, catalog_.expire(clock_.now() - history));
    uint64_t unnamed = 0;
    for (size_t i = 0; i < bronze_table_count; ++i) {
      TRY_LET(const uint64_t removed, catalog_.remove_unnamed(bronze_folder(BronzeTable(i))));
      unnamed += removed;
    }
    return replaced + unnamed;
  }

  uint64_t end() const override { return end_.load(std::memory_order_acquire); }

 private:
  std::unique_ptr<BronzeRange> new_range() const { return std::make_unique<BronzeRange>(options_.erased.get()); }

  Result<size_t> take(Write write) {
    if (lost_) TRY(take_over());
    TRY_LET(const journal::ReadResult read, journal_.read(next_, read_bytes_max));
    for (size_t i = 0; i < read.records.size(); ++i) {
      const Position position = journal_.position(read.first + i);
      const Bytes bytes = read.records[i];
      const bool decoded = wire::decode_record(bytes, record_).has_value();
      if (const auto* erasure = decoded ? std::get_if<Erasure>(&record_) : nullptr; erasure && options_.erased)
        options_.erased->add(*erasure);
      const Time received_at =
          decoded && has_time(record_) ? wire::received_at_of(record_) : newest_received_.value_or(clock_.now());
      if (!range_->takes(position, received_at)) TRY(put_range());
      if (range_->empty()) begun_ = clock_.steady();
      range_->add(position, received_at, decoded ? &record_ : nullptr, bytes);
      newest_received_ = received_at;
      next_ = position.offset + 1;
      if (range_->bytes() >= options_.roll_bytes) TRY(put_range());
    }
    const bool all = write == Write::all && read.records.empty();
    if (!range_->empty() && (all || until_due().count() <= 0)) TRY(put_range());
    const uint64_t durable = journal_.durable_end();
    lag_.set(static_cast<double>(durable - std::min(durable, end())));
    return read.records.size();
  }

  // Claims the role and goes on from what the catalog has now.
  Result<void> take_over() {
    TRY_LET(claim_, catalog_.claim(std::string(bronze_role)));
    const auto state = catalog_.now();
    const auto mark = state->watermarks.find(journal_.partition());
    begin_ = mark == state->watermarks.end() ? journal_.begin() : mark->second.begin;
    const uint64_t end = mark == state->watermarks.end() ? begin_ : mark->second.end;
    if (mark != state->watermarks.end()) {
      if (auto checked = journal_.epochs().check_watermark(mark->second.epoch, end); !checked)
        return fail(Code::conflict, "the lake does not belong to this journal: " + checked.error().message);
      if (journal_.begin() > end)
        return fail(Code::conflict, "the lake needs the journal from " + to_string(journal_.position(end)) +
                                        " on but it begins at " + to_string(journal_.position(journal_.begin())) +
                                        ": give it a new place (lake.location)");
    }
    range_ = new_range();
    next_ = end;
    reached(end);
    lost_ = false;
    return {};
  }

  // Whether there is enough to read for another piece at once.
  bool behind() const {
    const std::lock_guard lock(writing_);
    return journal_.durable_end() - next_ >= behind_records_min;
  }

  std::chrono::milliseconds next_pause() const {
    const std::lock_guard lock(writing_);
    return std::min(gather_time, until_due());
  }

  void keep_tidy() {
    const auto now = clock_.steady();
    const auto tell = [this](const Error& error) {
      failures_.add();
      log::warning("the lake is not tidied up", {{"why", error.message}});
    };
    if (now >= tidy_at_) {
      const auto more = compact_next();
      if (!more) tell(more.error());
      if (!more || !*more) tidy_at_ = now + options_.tidy_every;
    }
    if (now >= expire_at_) {
      expire_at_ = now + options_.expire_every;
      if (const auto expired = expire(options_.history); !expired) tell(expired.error());
    }
  }

  void reached(uint64_t end) {
    end_.store(end, std::memory_order_release);
    end_offset_.set(static_cast<double>(end));
  }

  std::chrono::milliseconds until_due() const {
    if (range_->empty()) return gather_time;
    return options_.roll_every - std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady() - begun_);
  }

  Result<void> put_range() {
    const auto begun = clock_.steady();
    lost_ = true;  // until it is known to have happened
    TRY_LET(std::vector<BronzeRange::File> files, range_->take_files(0));
    Change change{.role = std::string(bronze_role),
                  .claim = claim_,
                  .what = "bronze",
                  .watermarks = {{range_->from().partition,
                                  {.epoch = range_->from().epoch, .begin = begin_, .end = range_->to()}}},
                  .ledgers = range_->ledgers()};
    for (const BronzeRange::File& file : files) {
      TRY(put_unnamed(objects_, file.entry.key, as_bytes(file.content)));
      change.add.push_back(file.entry);
    }
    TRY(catalog_.commit(std::move(change)));
    lost_ = false;
    reached(range_->to());
    for (const BronzeRange::File& file : files) {
      rows_.add(file.entry.rows);
      bytes_.add(file.entry.bytes);
    }
    files_.add(files.size());
    write_seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
    range_ = new_range();
    return {};
  }

  journal::Journal& journal_;
  Objects& objects_;
  Catalog& catalog_;
  Clock& clock_;
  const BronzeOptions options_;
  mutable std::mutex writing_;  // one thing at a time is on its way into the lake
  uint64_t claim_ = 0;
  uint64_t begin_ = 0;  // the lake's first position
  uint64_t next_ = 0;  // to be read
  bool lost_ = false;  // what is collected is of no use: begin again from the catalog
  std::unique_ptr<BronzeRange> range_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point tidy_at_;
  std::chrono::steady_clock::time_point expire_at_;
  std::optional<Time> newest_received_;
  wire::Record record_;
  std::atomic<uint64_t> end_{0};
  Gauge& end_offset_;
  Gauge& lag_;
  Counter& rows_;
  Counter& bytes_;
  Counter& files_;
  Counter& failures_;
  Histogram& write_seconds_;
};

}  // namespace

Result<std::unique_ptr<Bronze>> open_bronze(journal::Journal& journal, Objects& objects, Catalog& catalog, Clock& clock,
                                            Metrics& metrics, BronzeOptions options) {
  auto bronze = std::make_unique<JournalBronze>(journal, objects, catalog, clock, metrics, std::move(options));
  TRY(bronze->open());
  return bronze;
}

}  // namespace waybill::lake

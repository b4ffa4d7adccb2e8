#include "lake/bronze.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "base/log.h"
#include "base/pause.h"
#include "lake/bronze_range.h"
#include "lake/compact.h"
#include "lake/erase.h"

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
  JournalBronze(journal::Source& journal, Objects& objects, Catalog& catalog, Clock& clock, Metrics& metrics,
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
        if (!last && erase_some()) continue;
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

  Result<bool> erase_next() override {
    const std::lock_guard lock(writing_);
    if (lost_) TRY(take_over());
    if (!erasing_) return false;
    if (unsure_) TRY(catalog_.refresh());
    unsure_ = true;  // until what is tried now is known to have happened
    const auto state = catalog_.now();
    const Erasing erasing(*state, *options_.erased);
    for (size_t i = 0; i < bronze_table_count; ++i)
      for (const DataFile* file : state->of_table(table_name(BronzeTable(i)))) {
        if (!file->from || looked_at_.contains(file->key)) continue;
        TRY_LET(const std::string instead, erase_from(objects_, catalog_, claim_, *file, erasing));
        looked_at_.insert(instead.empty() ? file->key : instead);
        unsure_ = false;
        return true;
      }
    TRY(catalog_.commit({.role = std::string(bronze_role), .claim = claim_, .what = "erased", .set = erasing.done()}));
    looked_at_.clear();
    erasing_ = unsure_ = false;
    return true;
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
      const auto* erasure = decoded && options_.erased ? std::get_if<Erasure>(&record_) : nullptr;
      if (erasure) TRY(make_known(*erasure));
      const Time received_at =
          decoded && has_time(record_) ? wire::received_at_of(record_) : newest_received_.value_or(clock_.now());
      if (!range_->takes(position, received_at)) TRY(put_range());
      if (range_->empty()) begun_ = clock_.steady();
      range_->add(position, received_at, decoded ? &record_ : nullptr, bytes);
      newest_received_ = received_at;
      next_ = position.offset + 1;
      if (erasure) begin_erasing(position, *erasure);
      if (erasure || range_->bytes() >= options_.roll_bytes) TRY(put_range());
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
    TRY(know_erasures(*state));
    lost_ = false;
    return {};
  }

  Result<void> make_known(const Erasure& erasure) {
    TRY(options_.need_key());
    options_.erased->add(erasure);
    return {};
  }

  // What the catalog says of erasures; those that are begun begin again.
  Result<void> know_erasures(const Snapshot& state) {
    passed_erasures_.clear();
    looked_at_.clear();
    erasing_ = false;
    if (!options_.erased) return {};
    for (const auto& [property, erasure] : erasures_of(state)) {
      TRY(make_known({.kind = erasure.kind, .name = erasure.name, .at = {}, .by = {}}));
      if (!erasure.done) erasing_ = true;
    }
    return {};
  }

  // In the commit that passes the record. Files that were looked at for others are looked at again.
  void begin_erasing(const Position& position, const Erasure& erasure) {
    passed_erasures_.emplace(erasure_property(to_string(position)),
                             to_text(LakeErasure{.kind = erasure.kind, .name = erasure.name}));
    looked_at_.clear();
  }

  // Whether there may be more to take out.
  bool erase_some() {
    const auto now = clock_.steady();
    if (now < erase_at_) return false;
    const auto more = erase_next();
    if (more) return *more;
    erase_at_ = now + retry_wait_max;
    failures_.add();
    log::error("an erasure does not get on in the lake; it is tried again", {{"why", more.error().message}});
    return false;
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
                  .ledgers = range_->ledgers(),
                  .set = passed_erasures_};
    for (const BronzeRange::File& file : files) {
      TRY(put_unnamed(objects_, file.entry.key, as_bytes(file.content)));
      change.add.push_back(file.entry);
    }
    TRY(catalog_.commit(std::move(change)));
    erasing_ = erasing_ || !passed_erasures_.empty();
    passed_erasures_.clear();
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

  journal::Source& journal_;
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
  std::chrono::steady_clock::time_point erase_at_;
  std::map<std::string, std::string> passed_erasures_;  // properties of those whose record is in the range
  bool erasing_ = false;  // the catalog has some that are begun
  bool unsure_ = false;  // an answer to what an erasure did may have been lost
  std::set<std::string> looked_at_;  // raw files that hold nothing of these
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

Result<std::unique_ptr<Bronze>> open_bronze(journal::Source& journal, Objects& objects, Catalog& catalog, Clock& clock,
                                            Metrics& metrics, BronzeOptions options) {
  auto bronze = std::make_unique<JournalBronze>(journal, objects, catalog, clock, metrics, std::move(options));
  TRY(bronze->open());
  return bronze;
}

}  // namespace waybill::lake

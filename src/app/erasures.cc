#include "app/erasures.h"

#include "app/lake_models.h"
#include "app/name_key.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"
#include "ingest/erase_journal.h"
#include "lake/erase.h"
#include "lake/order_tables.h"
#include "transform/plan.h"

namespace waybill::app {
namespace {

constexpr int nice_steps = 10;  // as the store: the door goes first
constexpr std::chrono::milliseconds look_again{200};
constexpr std::chrono::milliseconds lake_look_again{500};
constexpr std::chrono::seconds tables_look_again{1};
constexpr std::chrono::seconds try_again{2};
constexpr std::chrono::seconds look_for_new{10};  // one that came by another's journal wakes nobody

Result<void> check_stop(const std::stop_token& stop) {
  if (stop.stop_requested()) return fail(Code::unavailable, "stopped; the next start goes on with it");
  return {};
}

// Until the function says yes.
template <class Function>
Result<void> wait_until(const std::stop_token& stop, std::chrono::milliseconds between, Function function) {
  while (true) {
    TRY(check_stop(stop));
    TRY_LET(const bool there, function());
    if (there) return {};
    pause(between, stop);
  }
}

// Whether the models have taken in every raw file that this version of the lake had. Newer ones hold nothing of the name.
bool tables_are_of(const lake::Snapshot& lake, const transform::Graph& graph, uint64_t version) {
  if (!lake::order_tables_are_of(lake, version)) return false;
  lake::Snapshot then = lake;
  std::erase_if(then.files, [&](const auto& entry) {
    return entry.second.table.starts_with("raw.") && entry.second.changed > version;
  });
  for (size_t i = 0; i < graph.models.size(); ++i) {
    const transform::Plan plan = transform::plan_of(then, graph.models[i], graph.reads[i]);
    if (plan.whole || !plan.dates.empty()) return false;
  }
  return true;
}

// Whether the lake has custody of all that the journal has below the offset, and nothing in it is of the name any more. Of what came
// before its first position a lake has nothing.
bool is_out_of(const lake::Snapshot& lake, const Certificate& certificate) {
  const auto record = parse_position(certificate.position);
  const auto mark = record ? lake.watermarks.find(record->partition) : lake.watermarks.end();
  if (mark == lake.watermarks.end() || mark->second.end < certificate.below) return false;
  const auto stands = lake::erasure_at(lake, lake::erasure_property(certificate.position));
  return stands ? stands->done : mark->second.begin > record->offset;
}

uint64_t tables_made_after(const lake::Snapshot& lake, uint64_t version) {
  uint64_t files = 0;
  for (const auto& [key, file] : lake.files)
    if (!file.table.starts_with("raw.") && file.changed > version) ++files;
  return files;
}

}  // namespace

Erasures::Erasures(const ErasureParts& parts)
    : parts_(parts),
      unfinished_(parts.metrics.gauge("waybill_erasures_unfinished", "erasures that are not done yet")) {}

void Erasures::start() {
  thread_ = std::jthread([this](const std::stop_token& asked) {
    name_this_thread("erase");
    let_others_run_first(nice_steps);
    run(asked);
  });
}

void Erasures::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Erasures::go_on() {
  const std::lock_guard lock(mutex_);
  go_on_ = true;
  woken_.notify_all();
}

Result<Erasure> Erasures::of_name(Erasure::Kind kind, const std::string& id) {
  const std::lock_guard lock(making_key_);
  TRY(need_name_key(parts_.config, parts_.names));
  return Erasure{.kind = kind, .name = parts_.names.hash_of(kind, id), .at = {}, .by = {}};
}

Result<std::optional<std::string>> Erasures::of(const Erasure& erasure) {
  TRY_LET(const std::vector<store::ErasureRow> rows, parts_.store.erasures());
  for (const store::ErasureRow& row : rows) {
    if (row.erasure.kind != erasure.kind || row.erasure.name != erasure.name) continue;
    TRY_LET(const Certificate certificate, certificate_of(row));
    return to_json(certificate);
  }
  return std::nullopt;
}

Result<std::optional<std::string>> Erasures::at(const std::string& position) {
  TRY_LET(const std::vector<store::ErasureRow> rows, parts_.store.erasures());
  for (const store::ErasureRow& row : rows) {
    if (to_string(parts_.journal.position(row.offset)) != position) continue;
    TRY_LET(const Certificate certificate, certificate_of(row));
    return to_json(certificate);
  }
  return std::nullopt;
}

Result<std::string> Erasures::all() {
  TRY_LET(const std::vector<store::ErasureRow> rows, parts_.store.erasures());
  std::string all = "[";
  for (const store::ErasureRow& row : rows) {
    TRY_LET(const Certificate certificate, certificate_of(row));
    all += (all.size() > 1 ? "," : "") + to_json(certificate);
  }
  return all + ']';
}

// As its file has it, else as one that has not begun.
Result<Certificate> Erasures::certificate_of(const store::ErasureRow& row) const {
  const std::string position = to_string(parts_.journal.position(row.offset));
  TRY_LET(std::optional<Certificate> kept, read_certificate(system_files(), parts_.folder.erasures(), position));
  Certificate certificate = kept.value_or(
      Certificate{.position = position, .begun_at = row.erasure.at, .lake_looked_at = parts_.lake != nullptr});
  certificate.erasure = row.erasure;
  return certificate;
}

Result<std::optional<Certificate>> Erasures::next_unfinished() const {
  TRY_LET(const std::vector<store::ErasureRow> rows, parts_.store.erasures());
  std::optional<Certificate> oldest;
  uint64_t unfinished = 0;
  for (const store::ErasureRow& row : rows) {
    TRY_LET(Certificate certificate, certificate_of(row));
    if (certificate.done) continue;
    if (++unfinished == 1) oldest = std::move(certificate);
  }
  unfinished_.set(static_cast<double>(unfinished));
  return oldest;
}

void Erasures::run(const std::stop_token& stop) {
  // After a kill the store may not have put yet what the journal says of erasures.
  const uint64_t behind_at_start = parts_.journal.durable_end();
  static_cast<void>(wait_until(stop, look_again,
                               [&]() -> Result<bool> { return parts_.store.watermarks().visible >= behind_at_start; }));
  while (!stop.stop_requested()) {
    auto next = next_unfinished();
    if (next && !*next) {
      std::unique_lock lock(mutex_);
      woken_.wait_for(lock, stop, look_for_new, [this] { return std::exchange(go_on_, false); });
      continue;
    }
    Result<void> done = next ? finish(**next, stop) : std::unexpected(next.error());
    if (done || stop.stop_requested()) continue;
    log::error("an erasure does not get on; it is tried again", {{"why", done.error().message}});
    if (next) {
      (*next)->why = done.error().message;
      static_cast<void>(save(**next));  // it is in the log
    }
    pause(try_again, stop);
  }
}

Result<void> Erasures::save(const Certificate& certificate) const {
  return write_certificate(system_files(), parts_.folder.erasures(), certificate);
}

Result<void> Erasures::begin(Certificate& certificate, const std::string& step) const {
  certificate.step = step;
  certificate.why.clear();
  return save(certificate);
}

Result<void> Erasures::finish(Certificate& certificate, const std::stop_token& stop) {
  if (certificate.starts++ == 0) certificate.begun_at = parts_.clock.now();
  certificate.lake_looked_at = parts_.lake != nullptr;
  certificate.handed_on = !parts_.config.broker_url.empty();
  certificate.store_in_database = parts_.config.store_engine == StoreEngine::mongo;
  certificate.lake_in_bucket = parts_.config.lake_location.starts_with("s3://");
  TRY(close_journal(certificate, stop));
  TRY(erase_store(certificate, stop));
  if (parts_.lake) TRY(erase_lake(certificate, stop));
  TRY(erase_journal(certificate, stop));
  if (parts_.lake) {
    TRY(wait_for_tables(certificate, stop));
    TRY(forget_replaced(certificate, stop));
  }
  certificate.step.clear();
  certificate.why.clear();
  certificate.done = true;
  certificate.done_at = parts_.clock.now();
  TRY(save(certificate));
  log::info("erased", {{"erasure", certificate.position}});
  return {};
}

// The name is known to everybody by now. What was written before stands in segments that stay as they are, and store and lake
// have all of it, so that the books of a segment are whole on every side when it is written anew.
Result<void> Erasures::close_journal(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "journal"));
  TRY(wait_until(stop, look_again, [&]() -> Result<bool> {
    const auto rolled = parts_.journal.roll();
    if (!rolled && rolled.error().code != Code::overloaded) return std::unexpected(rolled.error());
    certificate.below = rolled.value_or(0);
    return rolled.has_value();
  }));
  return wait_until(stop, look_again,
                    [&]() -> Result<bool> { return parts_.store.watermarks().visible >= certificate.below; });
}

Result<void> Erasures::erase_store(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "store"));
  for (bool more = true; more;) {
    TRY(check_stop(stop));
    TRY_LET(const store::Swept swept, parts_.store.erase(certificate.erasure));
    certificate.store_locations += swept.locations;
    certificate.store_others += swept.others;
    if (swept.locations + swept.others > 0) TRY(save(certificate));
    more = swept.more;
  }
  return parts_.keeper.flush();
}

// Its writer does it, in this process or another. The journal is written anew only when the lake has all of it, else the lake's books
// would count some of a segment's records as they were and some as they are.
Result<void> Erasures::erase_lake(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "lake"));
  if (!parts_.config.lake_write) {
    certificate.why = "waybill lake write takes it out, when it runs";
    TRY(save(certificate));
  }
  return wait_until(stop, lake_look_again, [&]() -> Result<bool> {
    const auto state = parts_.lake->newest();
    if (!state) return false;
    const auto stands = lake::erasure_at(*state, lake::erasure_property(certificate.position));
    if (stands) {
      certificate.lake_files = stands->files;
      certificate.lake_rows = stands->rows;
    }
    lake_version_ = state->version;
    return is_out_of(*state, certificate);
  });
}

Result<void> Erasures::erase_journal(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "journal"));
  certificate.journal_segments = 0;
  const wire::ErasedNames name(parts_.names, std::span(&certificate.erasure, 1));
  for (const ingest::ClosedSegment& segment : ingest::closed_segments(parts_.journal, certificate.below)) {
    TRY(check_stop(stop));
    // A backup that copies segments finds them as they are until it is done.
    const auto held = parts_.keeper.hold_trim();
    if (segment.first < parts_.journal.begin()) continue;  // trimmed meanwhile
    TRY_LET(const uint64_t replaced, ingest::erase_from(parts_.journal, segment, name));
    ++certificate.journal_segments;
    certificate.journal_records += replaced;
    if (replaced > 0) TRY(save(certificate));
  }
  return {};
}

// By whoever runs the models: this process from time to time, or waybill transform run.
Result<void> Erasures::wait_for_tables(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "tables"));
  auto state = parts_.lake->newest();
  if (!state->claims.contains("transform")) return {};  // none were ever made
  const bool by_others = parts_.config.transform_every_seconds == 0;
  certificate.why = by_others ? "the treated and final tables are to be made anew: run waybill transform run"
                              : "the treated and final tables are made anew, soon";
  TRY(save(certificate));
  transform::Graph graph;
  {
    TRY_LET(const auto engine, open_engine_of(parts_.config, parts_.folder, 1));
    TRY_LET(graph, graph_of(*engine, parts_.config.transform_models, *state));
  }
  const auto current = [&]() -> Result<bool> {
    state = parts_.lake->newest();
    return tables_are_of(*state, graph, lake_version_);
  };
  TRY(wait_until(stop, tables_look_again, current));
  certificate.table_files = tables_made_after(*state, lake_version_);
  return {};
}

Result<void> Erasures::forget_replaced(Certificate& certificate, const std::stop_token& stop) {
  TRY(begin(certificate, "history"));
  TRY_LET(const auto objects, open_objects_beside(parts_.config, parts_.folder, stop));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, parts_.clock));
  return lake::forget_replaced(*catalog, parts_.clock);
}

Result<std::vector<std::string>> unfinished_erasures(const DataFolder& folder, const journal::Epochs& epochs,
                                                     uint32_t partition, const store::Store& store) {
  std::vector<std::string> unfinished;
  TRY_LET(const std::vector<store::ErasureRow> rows, store.erasures());
  for (const store::ErasureRow& row : rows) {
    const std::string position =
        to_string(Position{.epoch = epochs.of(row.offset), .partition = partition, .offset = row.offset});
    TRY_LET(const std::optional<Certificate> kept, read_certificate(system_files(), folder.erasures(), position));
    if (!kept || !kept->done) unfinished.push_back(position);
  }
  return unfinished;
}

}  // namespace waybill::app

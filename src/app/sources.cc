#include "app/sources.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "app/source_pages.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"
#include "transform/postgres_copy.h"

namespace waybill::app {
namespace {

using transform::SourceForm;
using transform::SourceInput;

constexpr int nice_steps = 19;  // after all that take custody
constexpr size_t piece_bytes = 1 << 20;
constexpr std::chrono::seconds look_every{1};  // at the definitions, which commands change

Result<SourceForm> form_of(const SourceDefinition& definition, std::string name) {
  if (definition.form) return *definition.form;
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  for (const auto& [ending, form] :
       std::initializer_list<std::pair<std::string_view, SourceForm>>{{".csv", SourceForm::csv},
                                                                      {".json", SourceForm::json},
                                                                      {".ndjson", SourceForm::ndjson},
                                                                      {".jsonl", SourceForm::ndjson},
                                                                      {".parquet", SourceForm::parquet}})
    if (name.ends_with(ending)) return form;
  return fail(Code::invalid, name + ": expected .csv, .json, .ndjson, .jsonl or .parquet; --format says what it is");
}

// What a run works with; its folder is of this source alone, as long as the lock is held.
struct Workplace {
  const Config& config;
  const SourceDefinition& definition;
  std::string folder;
  transform::Engine& engine;
  std::stop_token stop;
};

struct Inputs {
  std::vector<SourceInput> inputs{};
  transform::SourceRunOptions options{};
};

Result<Inputs> files_of(const Workplace& place) {
  const SourceDefinition& definition = place.definition;
  TRY_LET(const auto paths, transform::files_matching(place.engine, definition.where));
  if (paths.empty()) return fail(Code::not_found, definition.table.text() + ": there is no file " + definition.where);
  Inputs found;
  for (const std::string& path : paths) {
    TRY_LET(const SourceForm form, form_of(definition, path));
    found.inputs.push_back({.id = path, .path = path, .form = form});
  }
  return found;
}

Result<Inputs> pages_of(const Workplace& place) {
  auto addresses = notify::AddressRule::parse(place.config.sources_allow);
  if (!addresses) return fail_in("sources.allow", addresses.error());
  TRY_LET(std::string secret, secret_of(place.definition));
  const std::string path = join_path(place.folder, "pages.ndjson");
  TRY_LET(const auto file, system_files().open(path, OpenMode::create_private));
  TRY(fetch_pages(
      {.definition = place.definition, .secret = std::move(secret), .addresses = *addresses, .stop = place.stop},
      *file));
  return Inputs{.inputs = {{.id = "all pages", .path = path, .form = SourceForm::ndjson}}};
}

// An address of the host that the rule allows.
Result<std::string> address_of(const notify::AddressRule& addresses, const std::string& host) {
  if (host.empty() || host.starts_with('/') || host.contains(','))
    return fail(Code::invalid, "the database's URI: expected one host, as postgresql://user@db.example/shop");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0)
    return fail(Code::unavailable, host + ": " + gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype([](addrinfo* list) { freeaddrinfo(list); })> list(found);
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    const auto address = notify::address_of(*one->ai_addr);
    if (!address || !addresses.allows(*address)) continue;
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      return std::string(text.data());
  }
  return fail(Code::denied, host + ": its address is not on the public internet, and sources.allow does not name it");
}

// A column whose type the server has changed is not read by the old one's rule.
Result<void> check_types(const transform::Contract& contract, const std::vector<transform::Column>& columns) {
  for (const transform::Column& column : columns)
    if (const auto* known = transform::find_column(contract, column.name);
        known != nullptr && known->type != column.type)
      return fail(Code::invalid, "column " + column.name + ": expected " + known->type + ", the database has " +
                                     column.type + " now; nothing was read");
  return {};
}

Result<Inputs> rows_of(const Workplace& place, const lake::Snapshot& lake) {
  const SourceDefinition& definition = place.definition;
  auto addresses = notify::AddressRule::parse(place.config.sources_allow);
  if (!addresses) return fail_in("sources.allow", addresses.error());
  TRY_LET(std::string secret, secret_of(definition));
  const std::string path = join_path(place.folder, "rows.csv");
  TRY_LET(const auto file, system_files().open(path, OpenMode::create_private));
  uint64_t written = 0;
  std::string waiting;
  const auto write = [&]() -> Result<void> {
    TRY(file->write_at(written, as_bytes(waiting)));
    written += waiting.size();
    waiting.clear();
    return {};
  };
  const std::string from = transform::growing_of(lake, definition.table);
  const transform::PostgresOptions options{
      .uri = definition.where,
      .password = std::move(secret),
      .ca_file = definition.ca_file,
      .relation = definition.relation,
      .growing = definition.growing,
      .from = from,
      .address = [&](const std::string& host) { return address_of(*addresses, host); },
      .stop = place.stop};
  TRY_LET(transform::PostgresCopy copy, transform::copy_postgres(options, [&](Bytes piece) -> Result<void> {
            waiting += as_text(piece);
            return waiting.size() < piece_bytes ? Result<void>{} : write();
          }));
  TRY(write());
  TRY_LET(const transform::Contract contract, transform::contract_of(lake, definition.table));
  TRY(check_types(contract, copy.columns));
  Inputs found{.inputs = {}, .options = {.scratch = {}, .declared = std::move(copy.columns)}};
  const bool grows = !definition.growing.empty();
  if (grows && copy.to == from) return found;
  found.inputs.push_back({.id = grows ? "rows above " + from : "all rows", .path = path, .form = SourceForm::csv});
  if (grows) found.options.growing = {.from = from, .to = std::move(copy.to)};
  return found;
}

Result<Inputs> inputs_of(const Workplace& place, const lake::Snapshot& lake) {
  switch (place.definition.kind) {
    case SourceKind::files: return files_of(place);
    case SourceKind::http: return pages_of(place);
    case SourceKind::postgres: return rows_of(place, lake);
  }
  return Inputs{};
}

Result<transform::SourceRun> run_in(const Workplace& place, const DataFolder& folder) {
  TRY_LET(const auto objects, open_objects_beside(place.config, folder, place.stop));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  TRY_LET(Inputs found, inputs_of(place, *catalog->now()));
  found.options.scratch = join_path(place.folder, "parts");
  found.options.stop = place.stop;
  if (found.options.declared.empty()) found.options.declared = place.definition.types;
  return transform::run_source({*catalog, *objects, place.engine}, place.definition.table, found.inputs, found.options);
}

}  // namespace

Result<transform::SourceRun> run_source_of(const Config& config, const DataFolder& folder,
                                           const SourceDefinition& definition, int threads,
                                           const std::stop_token& stop) {
  const std::string name = definition.table.text();
  const auto lock = system_files().lock(join_path(folder.sources(), name + ".lock"));
  if (!lock && lock.error().code == Code::conflict)
    return fail(Code::conflict, name + ": another process runs it at the moment");
  if (!lock) return std::unexpected(lock.error());
  // What a run that was killed has left goes with it.
  const std::string place = join_path(folder.sources(), name + ".run");
  TRY(remove_with_content(system_files(), place));
  TRY(system_files().make_folder(place));
  auto ran = [&]() -> Result<transform::SourceRun> {
    TRY_LET(const auto engine, open_engine_in(config, join_path(place, "spill"), threads));
    return run_in({.config = config, .definition = definition, .folder = place, .engine = *engine, .stop = stop},
                  folder);
  }();
  TRY(remove_with_content(system_files(), place));
  if (!ran) return fail_in(name, ran.error());
  return ran;
}

SourceSchedule::SourceSchedule(const Config& config, const DataFolder& folder, Clock& clock, Metrics& metrics)
    : config_(config),
      folder_(folder),
      clock_(clock),
      runs_(metrics.counter("waybill_source_runs_total", "scheduled runs of other sources that took something")),
      failures_(metrics.counter("waybill_source_failures_total", "scheduled runs of other sources that failed")),
      rows_(metrics.counter("waybill_source_rows_total", "rows that scheduled runs of other sources took")),
      quarantined_(metrics.counter("waybill_source_quarantined_rows_total",
                                   "rows and inputs of scheduled runs that do not keep to their contract")) {}

void SourceSchedule::start() {
  thread_ = std::jthread([this](const std::stop_token& asked) {
    name_this_thread("sources");
    let_others_run_first(nice_steps);
    run(asked);
  });
}

void SourceSchedule::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    run_due(stop);
    pause(look_every, stop);
  }
}

void SourceSchedule::run_due(const std::stop_token& stop) {
  const auto definitions = definitions_of(folder_);
  if (!definitions) {
    log::error("the definitions of sources cannot be read", {{"why", definitions.error().message}});
    failures_.add();
    return pause(std::chrono::minutes(1), stop);
  }
  for (const SourceDefinition& definition : *definitions) {
    if (definition.every.count() == 0 || stop.stop_requested()) continue;
    const std::string name = definition.table.text();
    if (const auto due = due_.find(name); due != due_.end() && clock_.steady() < due->second) continue;
    // One thread: the other cores are for those who send and look.
    const auto ran = run_source_of(config_, folder_, definition, 1, stop);
    due_[name] = clock_.steady() + definition.every;
    if (!ran && stop.stop_requested()) return;
    if (!ran) {
      failures_.add();
      log::error("a source could not be read; it is tried again when it is due", {{"why", ran.error().message}});
      continue;
    }
    if (ran->run == 0) continue;
    runs_.add();
    rows_.add(ran->rows);
    quarantined_.add(ran->quarantined);
    if (ran->quarantined > 0)
      log::warning("rows of a source do not keep to its contract; they are in its quarantine",
                   {{"source", name}, {"rows", ran->quarantined}});
  }
}

void SourceSchedule::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

}  // namespace waybill::app

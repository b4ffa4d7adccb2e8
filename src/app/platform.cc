#include "app/platform.h"

#include <array>
#include <condition_variable>
#include <cstdio>
#include <optional>
#include <ranges>
#include <thread>

#include "app/access.h"
#include "app/backups.h"
#include "app/erasures.h"
#include "app/lake_chores.h"
#include "app/lake_custody.h"
#include "app/lake_models.h"
#include "app/lake_queries.h"
#include "app/lake_view.h"
#include "app/lake_writer.h"
#include "app/name_key.h"
#include "app/pages.h"
#include "app/phones.h"
#include "app/serving.h"
#include "app/simulate.h"
#include "app/sources.h"
#include "app/supervised.h"
#include "app/tiles.h"
#include "app/transfer.h"
#include "app/version.h"
#include "app/webhooks.h"
#include "app/wiring.h"
#include "base/environment.h"
#include "base/guarded.h"
#include "base/machine.h"
#include "base/process.h"
#include "ingest/keep.h"
#include "ingest/line_door.h"
#include "ingest/silence.h"
#include "ingest/subscribe.h"
#include "serve/api.h"
#include "serve/gate.h"
#include "serve/live.h"
#include "serve/server.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds stop_wait_max{10};

// The first thing that went wrong while serving; ends the wait.
class Ending {
 public:
  void fail(const Error& error) {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
    changed_.notify_all();
  }
  // Until stop or fail.
  Result<void> wait(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return error_.has_value(); });
    if (error_) return std::unexpected(*error_);
    return {};
  }
  Result<void> result() {
    std::lock_guard lock(mutex_);
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Error> error_;
};

std::string base_url(const Config& config, uint16_t port) {
  std::string host = config.host();
  if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = '[' + host + ']';
  return (config.tls_certificate.empty() ? "http://" : "https://") + host + ':' + std::to_string(port);
}

void greet(const Config& config, const std::string& url, Demo demo) {
  const char* curl = config.tls_certificate.empty() ? "curl -s" : "curl -sk";
  const char* order = demo == Demo::yes ? "/v1/orders?state=on_the_way&limit=3" : "/v1/orders";
  std::printf("waybill %s is ready\n  open  %s/\n  try   %s '%s%s'\n", std::string(version()).c_str(), url.c_str(),
              curl, url.c_str(), order);
  if (demo == Demo::no)
    std::printf(
        "  send  %s %s/v1/locations -H 'content-type: application/json' \\\n"
        "          -d '{\"deliverer_id\":7,\"order_id\":1001,\"delivery_state\":\"start\",\"latitude\":41.15,"
        "\"longitude\":-8.61,\"timestamp\":\"2026-01-15T09:00:00Z\"}'\n",
        curl, url.c_str());
  std::printf("  data  %s   (waybill verify --data %s)\n  stop  Ctrl-C\n", config.data.c_str(), config.data.c_str());
  std::fflush(stdout);
}

SimulateOptions demo_couriers(const std::string& url, std::string token) {
  SimulateOptions couriers;
  couriers.url = url;
  couriers.bearer = std::move(token);
  couriers.trust = {.whom = Trust::Whom::anybody};  // we talk to ourselves, and our certificate names the outside
  couriers.interval_s = 2;  // so that the map moves while somebody looks
  couriers.interval_spread_s = 1;
  couriers.locations_per_order = 60;
  couriers.show = Show::nothing;
  return couriers;
}

constexpr uint64_t files_reserved = 512;  // open files that the journal and the store may need beside the connections

// As configured, or as many as leave the journal and the store the files that they need.
uint64_t connections_max(const Config& config) {
  const uint64_t files = raise_open_files();
  const uint64_t affordable = files > 2 * files_reserved ? files - files_reserved : files / 2;
  if (affordable >= config.http_connections_max) return config.http_connections_max;
  log::warning("fewer connections than http.connections_max: the system allows too few open files",
               {{"connections", affordable}, {"open files", files}});
  return affordable;
}

// Questions to the lake, and one is left for others; more where these wait for a store's server, and each offer to a broker waits in one.
int pool_threads(const Config& config) {
  constexpr size_t at_a_server = 8;
  const size_t others = config.store_engine == StoreEngine::rocksdb ? 1 : at_a_server;
  const size_t offers = config.broker_keeps ? ingest::LineDoor::offers_at_once_max : 0;
  return static_cast<int>(config.query_at_once_max + others + offers);
}

std::vector<uint16_t> phone_ports(const Config& config) {
  std::vector<uint16_t> ports;
  for (const std::string& port : names_of(config.phones_ports))
    ports.push_back(static_cast<uint16_t>(std::stoul(port)));
  return ports;
}

serve::ServerOptions server_options(const Config& config, serve::Tls* tls) {
  return {.host = config.host(),
          .port = config.port(),
          .more_ports = phone_ports(config),
          .threads = static_cast<int>(config.http_threads),
          .pool_threads = pool_threads(config),
          .connections_max = connections_max(config),
          .body_bytes_max = config.http_body_mib_max << 20,
          .tls = tls,
          .handshake_ms_max = std::chrono::milliseconds(config.tls_handshake_ms_max),
          .idle_ms_max = std::chrono::seconds(config.http_idle_seconds_max),
          .request_ms_max = std::chrono::seconds(config.http_request_seconds_max),
          .heartbeat_ms = std::chrono::seconds(config.http_heartbeat_seconds)};
}

// What nobody counts as it happens: measured when /metrics is asked for.
void expose_state(Metrics& metrics, const Health& health, const std::string& folder) {
  expose_process(metrics, std::string(version()));
  Gauge& ready = metrics.gauge("waybill_ready", "1 when it takes and shows locations, as /readyz");
  Gauge& size = metrics.gauge("waybill_disk_size_bytes", "the file system of the data folder");
  Gauge& free = metrics.gauge("waybill_disk_free_bytes", "what is free in the file system of the data folder");
  metrics.before_expose([&health, &ready, &size, &free, folder] {
    ready.set(health.reasons().empty() ? 1 : 0);
    const Result<FileSystem> disk = file_system_of(folder);
    if (!disk) return;  // it stays at what it was
    size.set(static_cast<double>(disk->size_bytes));
    free.set(static_cast<double>(disk->free_bytes));
  });
}

ErasureParts erasure_parts(const Config& config, const DataFolder& folder, journal::Journal& journal,
                           store::Store& store, ingest::Keeper& keeper, LakeView& view, wire::ErasedNames& names,
                           Metrics& metrics) {
  return {.config = config,
          .folder = folder,
          .journal = journal,
          .store = store,
          .keeper = keeper,
          .lake = config.lake_enabled ? &view : nullptr,
          .names = names,
          .clock = system_clock(),
          .metrics = metrics};
}

ingest::KeepOptions keep_options(const Config& config, const DataFolder& folder, LakeView& lake,
                                 const journal::Source& journal, Follow follow) {
  ingest::KeepOptions options{.trimmed_path = folder.trimmed(),
                              .flush_every = std::chrono::seconds(config.store_flush_seconds),
                              .journal_keep_bytes = config.journal_keep_mib << 20,
                              .keep = std::chrono::days(config.store_keep_days),
                              .store_folder = store_folder_of(config, folder),
                              .store_bytes_max = config.store_disk_mib_max << 20};
  if (config.lake_enabled) options.consumers.push_back(lake.consumer());
  if (!config.broker_url.empty() && !config.broker_keeps && follow == Follow::no)
    options.consumers.push_back(relay_consumer(config, folder, journal));
  return options;
}

// Null where this process writes none.
Result<std::unique_ptr<LakeWriter>> open_lake(const Config& config, const DataFolder& folder, journal::Journal& journal,
                                              Clock& clock, Metrics& metrics,
                                              std::shared_ptr<wire::ErasedNames> erased) {
  if (!config.lake_enabled || !config.lake_write) return nullptr;
  auto lake = std::make_unique<LakeWriter>(config, folder, journal, clock, metrics, std::move(erased));
  TRY(lake->open());
  return lake;
}

// How far the lake has come with a position; nothing where none is wanted.
std::function<std::optional<serve::LakeCustody>(const serve::LakePlace&)> custody_of(const Config& config,
                                                                                     LakeView& lake,
                                                                                     uint32_t partition) {
  if (!config.lake_enabled) return {};
  return [&lake, partition](const serve::LakePlace& place) -> std::optional<serve::LakeCustody> {
    const auto newest = lake.newest();
    if (!newest) return std::nullopt;
    return custody_in(*newest, partition, place);
  };
}

serve::ApiOptions api_options(const Config& config, Secure secure) {
  return {.naive_offset = config.naive_offset,
          .stale_after = std::chrono::seconds(config.stale_after_seconds),
          .privacy = privacy_of(config),
          .secure_cookies = secure == Secure::yes,
          .reads = config.store_engine == StoreEngine::rocksdb ? serve::Where::loop : serve::Where::pool,
          .writes_wait = config.broker_keeps};
}

// Says to commands, scripts and people where it serves; the URL.
Result<std::string> say_where(const PlatformOptions& options, uint16_t port) {
  const Config& config = options.config;
  std::string url = base_url(config, port);
  TRY(say_serving(config.data, url));
  if (!config.port_file.empty())
    TRY(write_file_atomically(system_files(), config.port_file, std::to_string(port) + "\n"));
  log::info("serving", {{"version", version()}, {"url", url}, {"data", config.data}});
  greet(config, url, options.demo);
  return url;
}

// Simulated couriers, until the thread is asked to stop.
Result<std::jthread> let_couriers_drive(const PlatformOptions& options, const std::string& url, Ending& ending) {
  if (options.demo == Demo::no) return std::jthread();
  constexpr std::chrono::days demo_max{365};
  TRY_LET(std::string token, own_token(options.config, Role::service, demo_max));
  return std::jthread([&ending, couriers = demo_couriers(url, std::move(token))](std::stop_token asked) {
    if (auto drove = run_simulate(couriers, system_clock(), asked); !drove) ending.fail(drove.error());
  });
}

backup::Source backup_source(const DataFolder& folder, journal::Journal& journal, const OpenStore& opened,
                             ingest::Keeper& keeper) {
  return {.folder = folder.path,
          .data_format = data_format,
          .version = std::string(version()),
          .journal = journal,
          .store = *opened.store,
          .hold_live_files = opened.hold_live_files,
          .keeper = keeper};
}

serve::Durability durability_of(journal::Journal& journal, Ending& ending) {
  return {.commit = [&journal] { return journal.commit(); },
          .durable_end = [&journal] { return journal.durable_end(); },
          .on_failure = [&ending](const Error& error) { ending.fail(error); }};
}

// Where cores are short, taking custody goes first: the store catches up in larger batches, which cost it less.
constexpr int store_nice_steps = 10;

std::jthread subscribe(ingest::Subscriber& subscriber, Ending& ending) {
  return std::jthread([&](std::stop_token asked) {
    name_this_thread("subscribe");
    let_others_run_first(store_nice_steps);
    if (auto ran = subscriber.run(asked); !ran) ending.fail(ran.error());
  });
}

std::jthread keep(ingest::Keeper& keeper) {
  return std::jthread([&](std::stop_token asked) {
    name_this_thread("keep");
    let_others_run_first(store_nice_steps);
    keeper.run(asked);
  });
}

// What may change while it runs and is not ours: another issuer's keys, certificates, settings.
std::array<std::jthread, 2> watch_outside(const PlatformOptions& options, serve::Tokens* tokens, serve::Tls* tls) {
  return {std::jthread([&options, tokens](std::stop_token asked) {
            if (tokens) keep_outside_issuer(options.config, *tokens, asked);
          }),
          std::jthread(
              [&options, tls](std::stop_token asked) { keep_reloading(options.reload, options.config, tls, asked); })};
}

void stop_and_join(std::jthread& thread) {
  if (!thread.joinable()) return;
  thread.request_stop();
  thread.join();
}

Result<std::unique_ptr<lake::Copies>> open_copies_for_questions(const Config& config, const DataFolder& folder) {
  TRY(remove_with_content(system_files(), folder.query_spill()));  // what a process that was killed left there
  return open_copies_of(config, folder);
}

// What works on the lake beside its writer: questions, models, chores, other sources, and how it stands.
struct BesideTheLake {
  BesideTheLake(const Config& config, const DataFolder& folder, lake::Copies& copies, Clock& clock, Metrics& metrics,
                LakeWriter* lake, LakeView& view_of_all, ingest::Keeper& keeper)
      : queries(config, folder, copies),
        models(config, folder, copies, clock, metrics),
        view(view_of_all),
        chores([&config, lake, &keeper](const serve::LakeChore& chore, const std::stop_token& asked) {
          return do_chore(config, chore, lake, keeper, asked);
        }),
        sources(config, folder, clock, metrics) {}

  void offer(serve::ApiParts& parts, const Config& config) {
    parts.ask_lake = [this](const Principal& who, const std::string& sql, serve::AnswerForm form) {
      return queries.ask(who, sql, form);
    };
    parts.lake_custody = custody_of(config, view, parts.journal.partition());
    parts.start_lake_chore = [this](const serve::LakeChore& chore) { return chores.start(chore); };
    parts.lake_chore_state = [this] { return chores.state(); };
  }
  void start(const Config& config) {
    models.start();
    if (config.lake_enabled) view.start();
    sources.start();
  }

  LakeQueries queries;
  ModelSchedule models;
  LakeView& view;
  LakeChores chores;
  SourceSchedule sources;
};

// Who may come in, and how.
struct Entrance {
  std::unique_ptr<serve::Tokens> tokens;  // null: it is open to everybody
  std::unique_ptr<serve::Tls> tls;  // null: plain HTTP
  Secure secure() const { return tls ? Secure::yes : Secure::no; }
};

Result<Entrance> open_entrance(const Config& config, Metrics& metrics) {
  Entrance entrance;
  TRY_LET(entrance.tokens, open_tokens_of(config));
  TRY_LET(entrance.tls, open_tls_of(config, metrics));
  TRY(check_that_it_may_listen(config, entrance.tokens.get()));
  return entrance;
}

Result<DataFolder> open_folder(const PlatformOptions& options) {
  const bool shares_line = options.config.broker_keeps;
  if (shares_line && options.follow != Follow::no)
    return fail(Code::invalid,
                "broker.keeps is true: waybill up and waybill api share what the broker keeps, nobody follows");
  if (shares_line) return open_line_folder(options.config.data, system_files());
  if (options.follow == Follow::no) return open_own_folder(options.config.data, system_files());
  const Origin origin = options.follow == Follow::from_copy ? Origin::copy : Origin::own_or_new;
  return open_followers_folder(options.config.data, origin, system_files());
}

// What one process does for all that have the journal: webhooks, silence, hearing phones.
bool others_do(const PlatformOptions& options) {
  return options.follow != Follow::no || (options.config.broker_keeps && !options.config.broker_on_duty);
}

// What goes over brokers: the journal to one, or from one; and what phones publish.
class Transfers {
 public:
  Result<void> open(const PlatformOptions& options, const DataFolder& folder, journal::Journal& journal,
                    const store::Store& store, Health& health, ingest::Acceptor& acceptor, Phones& phones,
                    Metrics& metrics) {
    const Config& config = options.config;
    if (options.follow != Follow::no) {
      acceptor.close("this process only follows another's journal; send it to that one");
      return take(open_replica(config, folder, journal, health, metrics));
    }
    if (config.broker_keeps) {
      TRY(take(open_line(config, folder, journal, acceptor, health, metrics)));
    } else {
      TRY(take(open_relay(config, folder, journal, metrics)));
    }
    if (others_do(options)) return {};
    return take(open_listening(config, journal, store, acceptor, phones, metrics));
  }
  void start(Ending& ending) {
    for (const auto& one : all_) one->start([&ending](const Error& error) { ending.fail(error); });
  }
  void stop() {
    for (const auto& one : all_ | std::views::reverse) one->stop();
  }

 private:
  Result<void> take(Result<std::unique_ptr<Transfer>> opened) {
    TRY_LET(auto one, std::move(opened));
    all_.push_back(std::move(one));
    return {};
  }

  std::vector<std::unique_ptr<Transfer>> all_;
};

// What can be asked of these over HTTP.
void offer(serve::ApiParts& parts, const Health& health, Backups& backups, Phones& phones) {
  parts.not_ready_because = [&health] { return health.reasons(); };
  parts.pages = pages();
  parts.start_backup = [&backups](const std::string& to, uint64_t keep) { return backups.start(to, keep); };
  parts.backup_state = [&backups] { return backups.state(); };
  phones.offer(parts);
}

// All that was opened, to be used.
struct Opened {
  const PlatformOptions& options;
  Clock& clock;
  Ending& ending;
  journal::Journal& journal;
  ingest::Subscriber& subscriber;
  ingest::Keeper& keeper;
  ingest::Silence& silence;
  Transfers& transfers;
  Backups& backups;
  Erasures& erasures;
  BesideTheLake& beside;
  RunningWebhooks& webhooks;
  serve::Server& server;
  LakeWriter* lake;  // null: none is written
  serve::Tokens* tokens;  // null: it is open to everybody
  serve::Tls* tls;  // null: plain HTTP
};

Result<void> serve_until(std::stop_token stop, const Opened& opened) {
  const Config& config = opened.options.config;
  Ending& ending = opened.ending;
  std::jthread subscribing = subscribe(opened.subscriber, ending);
  std::jthread keeping = keep(opened.keeper);
  std::jthread listening;
  if (!others_do(opened.options)) listening = std::jthread([&](std::stop_token asked) { opened.silence.run(asked); });
  const auto outside = watch_outside(opened.options, opened.tokens, opened.tls);
  opened.transfers.start(ending);
  others_do(opened.options) ? opened.webhooks.leave_to_another() : opened.webhooks.start();
  if (opened.lake) opened.lake->start([&ending](const Error& error) { ending.fail(error); });
  opened.beside.start(config);
  opened.erasures.start();
  opened.server.start();
  Supervised supervised(opened.server, opened.clock);
  TRY_LET(const std::string url, say_where(opened.options, opened.server.port()));
  TRY_LET(std::jthread driving, let_couriers_drive(opened.options, url, ending));

  const Result<void> ended = ending.wait(stop);
  supervised.stopping();
  log::info("stopping", {{"why", ended ? "asked to" : ended.error().message}});
  stop_and_join(driving);
  opened.beside.queries.stop();
  opened.erasures.stop();
  opened.beside.view.stop();
  opened.beside.models.stop();
  opened.beside.sources.stop();
  opened.server.stop(stop_wait_max);
  say_stopped(config.data);
  opened.backups.stop();
  opened.beside.chores.stop();
  opened.transfers.stop();
  for (std::jthread* thread : {&listening, &subscribing, &keeping}) stop_and_join(*thread);
  if (opened.lake) opened.lake->stop(stop_wait_max);
  TRY(ending.result());
  TRY(opened.keeper.flush());
  log::info("stopped", {{"records", opened.journal.durable_end()}});
  return {};
}

}  // namespace

Result<void> run_platform(const PlatformOptions& options, std::stop_token stop) {
  const Config& config = options.config;
  Clock& clock = system_clock();
  const auto metrics = make_metrics();
  Health health;
  Ending ending;
  TRY_LET(const Entrance entrance, open_entrance(config, *metrics));
  TRY_LET(const DataFolder folder, open_folder(options));
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const auto erased, erased_names_of(config));
  TRY_LET(const OpenStore opened, open_store_for_backup(config, folder, erased));
  TRY(ingest::check_agreement(*journal, *opened.store));
  expose_state(*metrics, health, config.data);
  ingest::Progress progress;
  serve::Live live(*metrics);
  ingest::Subscriber subscriber(*journal, *opened.store, progress, health, clock, *metrics, &live);
  TRY_LET(const auto lake, open_lake(config, folder, *journal, clock, *metrics, erased));
  LakeView view(config, folder, *journal, clock, *metrics);
  ingest::Keeper keeper(*journal, *opened.store, system_files(), health, clock, *metrics,
                        keep_options(config, folder, view, *journal, options.follow));
  TRY_LET(const auto audit, serve::open_audit(config.data, system_files(), clock, *metrics));
  const auto gate = serve::make_gate(entrance.tokens.get(), *opened.store, *audit, clock, *metrics,
                                     gate_options(config, entrance.secure()));
  ingest::Acceptor acceptor(*journal, *metrics, erased.get());
  TRY_LET(const auto phones, open_phones(config));
  ingest::Silence silence(*journal, *opened.store, acceptor, clock, *metrics,
                          std::chrono::seconds(config.stale_after_seconds), &phones->words);
  Transfers transfers;
  TRY(transfers.open(options, folder, *journal, *opened.store, health, acceptor, *phones, *metrics));
  Backups backups(backup_source(folder, *journal, opened, keeper), system_files(), clock, *metrics);
  Erasures erasures(erasure_parts(config, folder, *journal, *opened.store, keeper, view, *erased, *metrics));
  TRY_LET(const auto copies, open_copies_for_questions(config, folder));
  BesideTheLake beside(config, folder, *copies, clock, *metrics, lake.get(), view, keeper);
  TRY_LET(const serve::TileArchive tiles, open_tiles(config, system_files()));
  TRY_LET(const auto webhooks, open_webhooks({config, folder, *journal, *opened.store, progress, *metrics}));
  serve::ApiParts parts{.acceptor = acceptor,
                        .journal = *journal,
                        .store = *opened.store,
                        .progress = progress,
                        .metrics = *metrics,
                        .clock = clock,
                        .audit = *audit,
                        .options = api_options(config, entrance.secure()),
                        .tiles = &tiles,
                        .tokens = entrance.tokens.get(),
                        .live = &live,
                        .webhooks = webhooks.get(),
                        .erasures = &erasures};
  beside.offer(parts, config);
  offer(parts, health, backups, *phones);
  TRY_LET(const auto server, serve::open_server(server_options(config, entrance.tls.get()), serve::api_routes(parts),
                                                *gate, durability_of(*journal, ending), progress, *metrics, clock));
  // Beyond this point nothing is opened.
  return serve_until(stop, {.options = options,
                            .clock = clock,
                            .ending = ending,
                            .journal = *journal,
                            .subscriber = subscriber,
                            .keeper = keeper,
                            .silence = silence,
                            .transfers = transfers,
                            .backups = backups,
                            .erasures = erasures,
                            .beside = beside,
                            .webhooks = *webhooks,
                            .server = *server,
                            .lake = lake.get(),
                            .tokens = entrance.tokens.get(),
                            .tls = entrance.tls.get()});
}

}  // namespace waybill::app

#include "app/wiring.h"

#include <algorithm>

#include "app/name_key.h"
#include "base/environment.h"
#include "base/random.h"
#include "base/secret_file.h"
#include "broker/kafka_broker.h"
#include "broker/mqtt_broker.h"
#include "lake/local/local_objects.h"
#include "lake/s3/s3_objects.h"
#include "store/mongo_store.h"
#include "store/rocks/rocks.h"
#include "transform/duckdb_engine.h"

namespace waybill::app {
namespace {

constexpr uint64_t mib = 1 << 20;
constexpr std::chrono::seconds s3_read_patience{10};

bool is_in_bucket(const Config& config) { return config.lake_location.starts_with("s3://"); }

store::RocksOptions rocks_options(const Config& config, const DataFolder& folder, store::Access access,
                                  std::shared_ptr<wire::ErasedNames> erased) {
  return {.folder = folder.store(),
          .cache_bytes_max = config.store_cache_mib_max * mib,
          .access = access,
          .erased = std::move(erased)};
}

// The first line of a file that only its owner may read.
Result<std::string> secret_in(const std::string& path) {
  TRY_LET(std::string secret, read_secret_file(path));
  secret.resize(secret.find_last_not_of(" \r\n\t") + 1);  // the whole of it where there is nothing else
  if (secret.empty()) return fail(Code::invalid, path + ": there is no secret in it");
  return secret;
}

Result<broker::Login> login_of(const std::string& table, const std::string& user, const std::string& password_file,
                               const std::string& ca_file) {
  if (user.empty() != password_file.empty())
    return fail(Code::invalid, table + ".user and " + table + ".password_file belong together; only one is given");
  broker::Login login{.user = user, .password = {}, .ca_file = ca_file};
  if (!login.user.empty()) {
    TRY_LET(login.password, secret_in(password_file));
  }
  return login;
}

broker::MqttOptions mqtt_options(const std::string& url, MqttVersion version, broker::Login login,
                                 const std::string& name) {
  const size_t end = url.find("://");
  const std::string address = url.substr(end + std::string("://").size());
  const size_t colon = address.rfind(':');
  return {.host = address.substr(0, colon),
          .port = static_cast<uint16_t>(std::stoul(address.substr(colon + 1))),
          .tls = url.starts_with("mqtts"),
          .version_5 = version == MqttVersion::v5,
          .login = std::move(login),
          .name = name};
}

// Whose store it is in the database: a number by chance, made with the folder's first.
Result<uint64_t> store_owner(const DataFolder& folder) {
  Files& files = system_files();
  auto known = read_store_id(files, folder.store_id());
  if (known || known.error().code != Code::not_found || !folder.lock) return known;
  uint64_t id = 0;
  while (id == 0) id = random_seed();
  TRY(write_store_id(files, folder.store_id(), id));
  return id;
}

Result<std::unique_ptr<store::Store>> open_mongo(const Config& config, const DataFolder& folder, store::OpenTo to,
                                                 std::shared_ptr<wire::ErasedNames> erased) {
  if (config.store_url.empty()) return fail(Code::invalid, "store.engine is mongo, and store.url is not given");
  if (config.store_user.empty() != config.store_password_file.empty())
    return fail(Code::invalid, "store.user and store.password_file belong together; only one is given");
  if (config.store_disk_mib_max != 0)
    return fail(Code::invalid,
                "store.disk_mib_max is for files of RocksDB; with store.engine mongo use store.keep_days");
  store::MongoStoreOptions options{
      .server = {.url = config.store_url, .user = config.store_user, .ca_file = config.store_ca_file},
      .tables = {.to = to},
      .erased = std::move(erased)};
  if (!config.store_user.empty()) {
    TRY_LET(options.server.password, secret_in(config.store_password_file));
  }
  TRY_LET(options.tables.owner, store_owner(folder));
  return store::open_mongo_store(options, system_clock());
}

std::string sasl_name(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::plain: return "PLAIN";
    case SaslMechanism::scram_sha_256: return "SCRAM-SHA-256";
    case SaslMechanism::scram_sha_512: return "SCRAM-SHA-512";
  }
  return {};
}

// A name of the settings with the secret in its file, or what the environment has; never one of the one with another's.
Result<void> take_s3_key(const Config& config, lake::S3Options& into) {
  if (config.lake_s3_access_key.empty() != config.lake_s3_secret_key_file.empty())
    return fail(Code::invalid, "lake.s3_access_key and lake.s3_secret_key_file belong together; only one is given");
  if (!config.lake_s3_access_key.empty()) {
    into.access_key = config.lake_s3_access_key;
    TRY_LET(into.secret_key, secret_in(config.lake_s3_secret_key_file));
    return {};
  }
  into.access_key = environment_variable("AWS_ACCESS_KEY_ID").value_or("");
  into.secret_key = environment_variable("AWS_SECRET_ACCESS_KEY").value_or("");
  into.session_token = environment_variable("AWS_SESSION_TOKEN").value_or("");
  if (into.access_key.empty() || into.secret_key.empty())
    return fail(Code::invalid, config.lake_location +
                                   " wants a key: lake.s3_access_key and lake.s3_secret_key_file, or AWS_ACCESS_KEY_ID "
                                   "and AWS_SECRET_ACCESS_KEY in the environment");
  return {};
}

Result<lake::S3Options> s3_options(const Config& config, std::stop_token stop) {
  const std::string place = config.lake_location.substr(std::string("s3://").size());
  const size_t slash = std::min(place.find('/'), place.size());
  const bool aws = config.lake_s3_endpoint.empty();
  lake::S3Options options{
      .endpoint = aws ? "https://s3." + config.lake_s3_region + ".amazonaws.com" : config.lake_s3_endpoint,
      .region = config.lake_s3_region,
      .bucket = place.substr(0, slash),
      .prefix = slash < place.size() ? place.substr(slash + 1) : "",
      .style = aws ? lake::S3Options::Style::virtual_host : lake::S3Options::Style::path,
      .ca_file = config.lake_s3_ca_file,
      .stop = std::move(stop)};
  TRY(take_s3_key(config, options));
  return options;
}

using Access = lake::LocalObjectsOptions::Access;

Result<std::unique_ptr<lake::Objects>> open_objects(const Config& config, const DataFolder& folder, Access access,
                                                    std::stop_token stop) {
  if (is_in_bucket(config)) {
    TRY_LET(lake::S3Options options, s3_options(config, std::move(stop)));
    return lake::open_s3_objects(std::move(options), system_files());
  }
  TRY_LET(const std::string path, absolute_path(config.lake_location.empty() ? folder.lake() : config.lake_location));
  return lake::open_local_objects({.folder = path, .access = access}, system_files());
}

}  // namespace

Result<std::unique_ptr<journal::Journal>> open_journal_of(const Config& config, const DataFolder& folder,
                                                          Metrics& metrics) {
  auto journal = journal::open_journal({.folder = folder.journal(),
                                        .segment_bytes = config.journal_segment_mib * mib,
                                        .disk_bytes_max = config.journal_disk_mib_max * mib,
                                        .sync = config.journal_sync},
                                       system_files(), system_clock(), metrics);
  if (!journal) return fail_in("open the journal", journal.error());
  return journal;
}

Result<std::unique_ptr<store::Store>> open_store_of(const Config& config, const DataFolder& folder) {
  TRY_LET(OpenStore opened, open_store_for_backup(config, folder));
  return std::move(opened.store);
}

Result<OpenStore> open_store_for_backup(const Config& config, const DataFolder& folder,
                                        std::shared_ptr<wire::ErasedNames> erased) {
  if (!erased) {
    TRY_LET(erased, erased_names_of(config));
  }
  if (config.store_engine == StoreEngine::mongo) {
    auto store = open_mongo(config, folder, store::OpenTo::write, std::move(erased));
    if (!store) return fail_in("open the store", store.error());
    const store::HoldLiveFiles none = []() -> Result<std::unique_ptr<store::LiveFiles>> {
      return fail(Code::invalid,
                  "the store is in MongoDB and has no files here: back up the database with its own means, and this "
                  "folder's journal while nothing runs");
    };
    return OpenStore{.store = std::move(*store), .hold_live_files = none};
  }
  auto opened = store::open_rocks_store_for_backup(
      rocks_options(config, folder, store::Access::read_write, std::move(erased)), system_files());
  if (!opened) return fail_in("open the store", opened.error());
  return OpenStore{.store = std::move(opened->store), .hold_live_files = std::move(opened->hold_live_files)};
}

Result<std::unique_ptr<store::Store>> open_store_to_read(const Config& config, const DataFolder& folder) {
  auto store =
      config.store_engine == StoreEngine::mongo
          ? open_mongo(config, folder, store::OpenTo::read, nullptr)
          : store::open_rocks_store(rocks_options(config, folder, store::Access::read_only, nullptr), system_files());
  if (!store) return fail_in("open the store to read", store.error());
  return store;
}

std::string store_folder_of(const Config& config, const DataFolder& folder) {
  return config.store_engine == StoreEngine::rocksdb ? folder.store() : std::string();
}

Result<std::unique_ptr<broker::Broker>> open_broker_of(const Config& config) {
  if (config.broker_url.empty()) return fail(Code::invalid, "broker.url is not given: no broker is named");
  TRY_LET(broker::Login login,
          login_of("broker", config.broker_user, config.broker_password_file, config.broker_ca_file));
  if (!config.broker_url.starts_with("kafka"))
    return broker::open_mqtt(
        mqtt_options(config.broker_url, config.broker_mqtt_version, std::move(login), config.broker_name));
  return broker::open_kafka({.servers = config.broker_url.substr(config.broker_url.find("://") + 3),
                             .tls = config.broker_url.starts_with("kafkas"),
                             .sasl_mechanism = sasl_name(config.broker_sasl_mechanism),
                             .login = std::move(login),
                             .name = config.broker_name});
}

Result<std::unique_ptr<broker::Listener>> open_listener_of(const Config& config) {
  TRY_LET(broker::Login login, login_of("mqtt", config.mqtt_user, config.mqtt_password_file, config.mqtt_ca_file));
  std::vector<std::string> filters;
  for (const wire::TopicRule& rule : config.mqtt_topics) filters.push_back(rule.filter);
  return broker::listen_mqtt(mqtt_options(config.mqtt_url, config.mqtt_version, std::move(login), config.mqtt_name),
                             filters);
}

Result<std::unique_ptr<lake::Objects>> open_objects_of(const Config& config, const DataFolder& folder,
                                                       std::stop_token stop) {
  const Access access = folder.lock ? Access::read_write : Access::read_only;
  auto objects = open_objects(config, folder, access, std::move(stop));
  if (!objects) return fail_in("open the lake", objects.error());
  return objects;
}

Result<std::unique_ptr<lake::Objects>> open_objects_beside(const Config& config, const DataFolder& folder,
                                                           std::stop_token stop) {
  auto objects = open_objects(config, folder, Access::read_write, std::move(stop));
  if (!objects) return fail_in("open the lake", objects.error());
  return objects;
}

Result<std::unique_ptr<serve::Tls>> open_tls_of(const Config& config, Metrics& metrics) {
  if (config.tls_certificate.empty() != config.tls_key.empty())
    return fail(Code::invalid,
                "tls.certificate and tls.key: both of them make HTTPS, none of them HTTP; only one is given");
  if (config.tls_certificate.empty()) return nullptr;
  return serve::open_tls({.certificate = config.tls_certificate, .key = config.tls_key}, system_files(), system_clock(),
                         metrics);
}

Result<std::unique_ptr<lake::Objects>> open_objects_to_read(const Config& config, const DataFolder& folder,
                                                            std::stop_token stop) {
  if (is_in_bucket(config)) {
    auto options = s3_options(config, std::move(stop));
    if (!options) return fail_in("open the lake", options.error());
    options->retry_for = s3_read_patience;
    return lake::open_s3_objects(*std::move(options), system_files());
  }
  const std::string place = config.lake_location.empty() ? folder.lake() : config.lake_location;
  if (!system_files().info(place)) return fail(Code::not_found, "there is no lake in " + place + " yet");
  return open_objects_of(config, {.path = folder.path, .lock = nullptr}, {});
}

Result<std::unique_ptr<lake::Copies>> open_copies_of(const Config& config, const DataFolder& folder) {
  if (!is_in_bucket(config)) return lake::no_copies();
  return lake::open_copies({.folder = folder.lake_copies(), .bytes_max = config.lake_copies_mib_max * mib},
                           system_files());
}

Result<std::unique_ptr<transform::Engine>> open_engine_of(const Config& config, const DataFolder& folder, int threads) {
  // One each: engines do not share a folder. The engine makes its own when it needs it, and removes it. Where nothing may be
  // written, what does not fit into memory is overloaded.
  std::string mine = join_path(folder.query_spill(), std::to_string(random_seed()));
  if (const auto made = system_files().make_folder(folder.query_spill()); !made) {
    if (made.error().code != Code::denied) return std::unexpected(made.error());
    mine.clear();
  }
  return open_engine_in(config, mine, threads);
}

Result<std::unique_ptr<transform::Engine>> open_engine_in(const Config& config, const std::string& spill_folder,
                                                          int threads) {
  return transform::open_duckdb_engine(
      {.memory_mib_max = config.query_memory_mib_max, .threads = threads, .spill_folder = spill_folder});
}

}  // namespace waybill::app

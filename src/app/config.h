// app/config.h — every setting once: its name in the file, its flag, its variable, what it means, and where its value came from.
//
// Order: a flag beats an environment variable beats the file beats the default.
// Failure: invalid names the setting, what was expected, and where the value came from.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/grants.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "wire/topic_in.h"

namespace waybill::app {

enum class SaslMechanism : uint8_t { plain, scram_sha_256, scram_sha_512 };
enum class MqttVersion : uint8_t { v3_1_1, v5 };
enum class StoreEngine : uint8_t { rocksdb, mongo };

struct Config {
  std::string listen = "127.0.0.1:5000";
  std::string data = "./data";
  std::string port_file;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::string log_file;
  uint64_t http_threads = 1;
  uint64_t http_body_mib_max = 16;
  uint64_t http_connections_max = 20'000;
  std::string tls_certificate;
  std::string tls_key;
  uint64_t tls_handshake_ms_max = 10'000;
  uint64_t http_request_seconds_max = 30;
  uint64_t http_idle_seconds_max = 75;
  uint64_t http_heartbeat_seconds = 15;
  uint64_t journal_segment_mib = 64;
  uint64_t journal_disk_mib_max = 0;
  uint64_t journal_keep_mib = 1024;
  bool journal_sync = true;
  uint64_t store_cache_mib_max = 64;
  uint64_t store_flush_seconds = 60;
  uint64_t store_keep_days = 0;
  uint64_t store_disk_mib_max = 0;
  StoreEngine store_engine = StoreEngine::rocksdb;
  std::string store_url;
  std::string store_user;
  std::string store_password_file;
  std::string store_ca_file;
  Duration naive_offset{};
  uint64_t stale_after_seconds = 120;

  std::string auth_keys;
  std::string auth_jwks;
  std::string auth_issuer;
  std::string auth_audience;
  std::string auth_role_claim = "role";
  std::string http_cors_origins;
  std::string http_trusted_proxies;
  uint64_t limits_address_per_second = 0;
  uint64_t limits_token_per_second = 100;
  std::optional<uint64_t> privacy_stops_max = 5;
  std::optional<uint64_t> privacy_metres_max;
  std::optional<uint64_t> privacy_minutes_max;
  uint64_t privacy_area_metres = 1000;
  uint64_t privacy_trail_minutes = 10;
  uint64_t privacy_after_close_minutes = 60;

  std::string map_tiles;

  std::string notify_allow;
  std::string notify_ca_file;
  uint64_t notify_timeout_seconds = 10;
  uint64_t notify_keep_hours = 72;
  uint64_t notify_hold_hours_max = 24;
  uint64_t notify_retry_ms_first = 1000;
  uint64_t notify_retry_seconds_max = 300;

  std::string sources_allow;
  std::string phones_passphrases_file;
  std::string phones_ports;

  std::string broker_url;
  std::string broker_topic = "waybill";
  std::string broker_name = "waybill";
  std::string broker_user;
  std::string broker_password_file;
  std::string broker_ca_file;
  SaslMechanism broker_sasl_mechanism = SaslMechanism::scram_sha_512;
  MqttVersion broker_mqtt_version = MqttVersion::v5;
  bool broker_keeps = false;
  uint64_t broker_wait_seconds_max = 5;
  bool broker_on_duty = true;
  bool relay_enabled = true;
  std::string relay_followers;
  std::string mqtt_url;
  std::string mqtt_name = "waybill";
  std::vector<wire::TopicRule> mqtt_topics = wire::usual_topics();
  std::string mqtt_user;
  std::string mqtt_password_file;
  std::string mqtt_ca_file;
  MqttVersion mqtt_version = MqttVersion::v5;
  bool lake_enabled = true;
  bool lake_write = true;
  std::string lake_location;
  uint64_t lake_roll_seconds = 60;
  uint64_t lake_roll_mib = 64;
  uint64_t lake_history_hours = 1;
  uint64_t lake_copies_mib_max = 4096;
  uint64_t transform_every_seconds = 300;
  std::string transform_models;
  std::string lake_s3_endpoint;
  std::string lake_s3_region = "us-east-1";
  std::string lake_s3_access_key;
  std::string lake_s3_secret_key_file;
  std::string lake_s3_ca_file;

  uint64_t query_rows_max = 10'000;
  uint64_t query_seconds_max = 30;
  uint64_t query_memory_mib_max = 512;
  uint64_t query_at_once_max = 1;
  Grants query_grants = default_grants();

  std::string keys_folder() const;  // auth.keys, else `keys` of the data folder
  bool on_loopback() const;  // nobody but this machine can connect
  std::string host() const;
  uint16_t port() const;
};

// Of a setting that has several with commas between; empty for an empty text.
std::vector<std::string> names_of(std::string_view text);

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string> sources;  // setting name to "default", "file waybill.toml", "variable …", "flag …"
};

// `file` may be empty: then waybill.toml in the working folder is read if it is there. `flags`: setting name to text.
Result<LoadedConfig> load_config(const std::string& file, const std::map<std::string, std::string>& flags);

// What `waybill config` prints: a TOML file with the effective values and, behind each, its source.
std::string show_config(const LoadedConfig& loaded);

}  // namespace waybill::app

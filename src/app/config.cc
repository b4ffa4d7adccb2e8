#include "app/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "app/settings.h"
#include "base/environment.h"
#include "base/files.h"
#include "ingest/parcel.h"

namespace waybill::app {
namespace {

template <class Number>
bool set_number(Number& into, const std::string& text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return false;
  into = value;
  return true;
}

Setting number(std::string name, std::string flag, uint64_t Config::* member, uint64_t least, uint64_t most,
               std::string help) {
  return {.name = std::move(name),
          .flag = std::move(flag),
          .variable = {},
          .expects = "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
          .help = std::move(help),
          .set = [=](Config& config, const std::string& text) { return set_number(config.*member, text, least, most); },
          .show = [=](const Config& config) { return std::to_string(config.*member); }};
}

Setting text(std::string name, std::string flag, std::string Config::* member, std::string expects, std::string help) {
  return {.name = std::move(name),
          .flag = std::move(flag),
          .variable = {},
          .expects = std::move(expects),
          .help = std::move(help),
          .set =
              [=](Config& config, const std::string& value) {
                config.*member = value;
                return true;
              },
          .show = [=](const Config& config) { return '"' + config.*member + '"'; }};
}

Setting number_or_off(std::string name, std::string flag, std::optional<uint64_t> Config::* member, uint64_t most,
                      std::string help) {
  return {.name = std::move(name),
          .flag = std::move(flag),
          .variable = {},
          .expects = "off, or a whole number from 0 to " + std::to_string(most),
          .help = std::move(help),
          .set =
              [=](Config& config, const std::string& text) {
                if (text == "off") {
                  (config.*member).reset();
                  return true;
                }
                return set_number((config.*member).emplace(), text, uint64_t{0}, most);
              },
          .show = [=](const Config& config) -> std::string {
            return config.*member ? std::to_string(*(config.*member)) : "\"off\"";
          }};
}

template <class Enum>
Setting choice(std::string name, std::string flag, Enum Config::* member,
               std::vector<std::pair<std::string, Enum>> choices, std::string help) {
  std::string expects = "one of";
  for (const auto& [word, value] : choices) expects += ' ' + word;
  return {.name = std::move(name),
          .flag = std::move(flag),
          .variable = {},
          .expects = expects,
          .help = std::move(help),
          .set =
              [=](Config& config, const std::string& value) {
                const auto found = std::ranges::find(choices, value, &std::pair<std::string, Enum>::first);
                if (found == choices.end()) return false;
                config.*member = found->second;
                return true;
              },
          .show =
              [=](const Config& config) {
                const auto found = std::ranges::find(choices, config.*member, &std::pair<std::string, Enum>::second);
                return '"' + found->first + '"';
              }};
}

bool split_listen(const std::string& listen, std::string& host, uint16_t& port) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return set_number<uint16_t>(port, listen.substr(colon + 1), 0, UINT16_MAX);
}

Setting listen_setting() {
  Setting setting = text("listen", "--listen", &Config::listen, "HOST:PORT, as 127.0.0.1:5000 or [::1]:5000",
                         "address of the HTTP API; port 0 takes any free one");
  setting.set = [](Config& config, const std::string& value) {
    std::string host;
    uint16_t port = 0;
    if (!split_listen(value, host, port)) return false;
    config.listen = value;
    return true;
  };
  return setting;
}

// "+01:00", "-03:00", "UTC".
bool set_offset(Duration& into, const std::string& value) {
  if (value == "UTC" || value == "Z") {
    into = {};
    return true;
  }
  constexpr size_t length = 6;
  if (value.size() != length || (value[0] != '+' && value[0] != '-') || value[3] != ':') return false;
  int hours = 0;
  int minutes = 0;
  if (!set_number(hours, value.substr(1, 2), 0, 14) || !set_number(minutes, value.substr(4, 2), 0, 59)) return false;
  into = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  if (value[0] == '-') into = -into;
  return true;
}

std::string show_offset(Duration offset) {
  if (offset == Duration{}) return "\"UTC\"";
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(offset < Duration{} ? -offset : offset).count();
  const std::string two = std::to_string(100 + minutes / 60) + std::to_string(100 + minutes % 60);
  return std::string("\"") + (offset < Duration{} ? '-' : '+') + two.substr(1, 2) + ':' + two.substr(4, 2) + '"';
}

Setting offset_setting() {
  return {.name = "time.naive_offset",
          .flag = "--time-naive-offset",
          .variable = {},
          .expects = "UTC or an offset such as +01:00",
          .help = "what timestamps without a zone mean: local time at this offset from UTC",
          .set = [](Config& config, const std::string& value) { return set_offset(config.naive_offset, value); },
          .show = [](const Config& config) { return show_offset(config.naive_offset); }};
}

Setting yes_or_no(const char* name, const char* flag, bool Config::* field, const char* help) {
  return {.name = name,
          .flag = flag,
          .variable = {},
          .expects = "true or false",
          .help = help,
          .set =
              [field](Config& config, const std::string& value) {
                if (value != "true" && value != "false") return false;
                config.*field = value == "true";
                return true;
              },
          .show = [field](const Config& config) -> std::string { return config.*field ? "true" : "false"; }};
}

std::vector<Setting> general_settings() {
  return {
      listen_setting(),
      text("data", "--data", &Config::data, "a folder", "where everything is kept; made where missing"),
      text("port_file", "--port-file", &Config::port_file, "a file",
           "gets the port once it is ready to be connected to"),
      number("stale_after_seconds", "--stale-after-seconds", &Config::stale_after_seconds, 1, 86'400,
             "an order whose last fix is older is called stale"),
      choice("log.level", "--log-level", &Config::log_level,
             {{"debug", log::Level::debug},
              {"info", log::Level::info},
              {"warning", log::Level::warning},
              {"error", log::Level::error},
              {"off", log::Level::off}},
             "the least important line that is written"),
      choice("log.format", "--log-format", &Config::log_format,
             {{"text", log::Format::text}, {"json", log::Format::json}},
             "one line a thing, for people or for programs"),
      text("log.file", "--log-file", &Config::log_file, "a file",
           "gets the lines of `up` and `api`, and is opened anew at SIGHUP; without it they go to standard error"),
      offset_setting(),
  };
}

std::vector<Setting> http_settings() {
  return {
      number("http.threads", "--http-threads", &Config::http_threads, 1, 64, "event loops"),
      number("http.body_mib_max", "--http-body-mib-max", &Config::http_body_mib_max, 1, 1024,
             "a larger body is answered 413"),
      number("http.connections_max", "--http-connections-max", &Config::http_connections_max, 1, 1'000'000,
             "more connections are answered 503 and closed"),
      number("http.request_seconds_max", "--http-request-seconds-max", &Config::http_request_seconds_max, 1, 3600,
             "a request that takes longer from its first byte to its last is answered 408"),
      number("http.idle_seconds_max", "--http-idle-seconds-max", &Config::http_idle_seconds_max, 1, 86'400,
             "a connection on which nothing is asked for longer is closed"),
      number("http.heartbeat_seconds", "--http-heartbeat-seconds", &Config::http_heartbeat_seconds, 1, 300,
             "so often a live stream gives a sign of life and asks whether its viewer may still see it"),
      text("http.cors_origins", "--http-cors-origins", &Config::http_cors_origins, "origins with commas between, or *",
           "pages of these origins may ask this server"),
      text("http.trusted_proxies", "--http-trusted-proxies", &Config::http_trusted_proxies,
           "addresses with commas between", "proxies whose X-Forwarded-For is believed"),
      text("tls.certificate", "--tls-certificate", &Config::tls_certificate, "a PEM file",
           "the server's certificate and its chain: HTTPS instead of HTTP; read again at SIGHUP and when it changes"),
      text("tls.key", "--tls-key", &Config::tls_key, "a PEM file", "its private key, for its owner's eyes only (0600)"),
      number("tls.handshake_ms_max", "--tls-handshake-ms-max", &Config::tls_handshake_ms_max, 100, 600'000,
             "a connection that does not speak TLS by then is cut"),
  };
}

Setting store_url_setting() {
  Setting setting =
      text("store.url", "--store-url", &Config::store_url, "mongodb://HOST:PORT,…/DATABASE, without a password",
           "of store.engine mongo: the servers and, with ?options behind it, how they are spoken to");
  setting.set = [](Config& config, const std::string& value) {
    if (!value.empty() && !value.starts_with("mongodb://") && !value.starts_with("mongodb+srv://")) return false;
    if (value.find('@') != std::string::npos) return false;  // `waybill config` and errors show it
    config.store_url = value;
    return true;
  };
  return setting;
}

std::vector<Setting> storage_settings() {
  constexpr uint64_t mib_max = 1 << 24;
  return {
      number("journal.segment_mib", "--journal-segment-mib", &Config::journal_segment_mib, 4, 4096,
             "size of one journal file; only whole ones are removed"),
      number("journal.disk_mib_max", "--journal-disk-mib-max", &Config::journal_disk_mib_max, 0, mib_max,
             "disk budget of the journal, at least three segments; beyond it 503; 0: the disk is the limit"),
      number("journal.keep_mib", "--journal-keep-mib", &Config::journal_keep_mib, 0, mib_max,
             "newest part of the journal that stays although the store has it durable"),
      yes_or_no("journal.sync", "--journal-sync", &Config::journal_sync,
                "false acknowledges before the disk has it and loses on a crash: for comparison only"),
      number("store.cache_mib_max", "--store-cache-mib-max", &Config::store_cache_mib_max, 1, mib_max,
             "memory for what was read from the store's files"),
      number("store.flush_seconds", "--store-flush-seconds", &Config::store_flush_seconds, 1, 3600,
             "how often the store is made durable; a start after a crash reads so much of the journal again"),
      number("store.keep_days", "--store-keep-days", &Config::store_keep_days, 0, 36'500,
             "what was received longer ago is let go, in spans of 65536 records; 0: kept for ever"),
      number("store.disk_mib_max", "--store-disk-mib-max", &Config::store_disk_mib_max, 0, mib_max,
             "disk budget of the store; beyond it the oldest is let go; 0: the disk is the limit"),
      choice("store.engine", "--store-engine", &Config::store_engine,
             {{"rocksdb", StoreEngine::rocksdb}, {"mongo", StoreEngine::mongo}},
             "where the store is: files in the data folder, or a MongoDB server"),
      store_url_setting(),
      text("store.user", "--store-user", &Config::store_user, "a name", "who logs in; nobody where it is not given"),
      text("store.password_file", "--store-password-file", &Config::store_password_file, "a file",
           "its password, for its owner's eyes only (0600)"),
      text("store.ca_file", "--store-ca-file", &Config::store_ca_file, "a PEM file",
           "authorities that the server's certificate must come from: TLS; the system's with ?tls=true in the URL"),
  };
}

std::vector<Setting> access_settings() {
  return {
      text("auth.keys", "--auth-keys", &Config::auth_keys, "a folder",
           "keys that sign and check tokens; `keys` in the data folder where it is not given"),
      text("auth.jwks", "--auth-jwks", &Config::auth_jwks, "a file or a URL",
           "key set of another issuer whose tokens count too"),
      text("auth.issuer", "--auth-issuer", &Config::auth_issuer, "a name", "what that issuer calls itself (`iss`)"),
      text("auth.audience", "--auth-audience", &Config::auth_audience, "a name",
           "whom its tokens must be for (`aud`); anybody where it is not given"),
      text("auth.role_claim", "--auth-role-claim", &Config::auth_role_claim, "a name",
           "the claim of its tokens that holds one of our roles"),
      number("limits.address_per_second", "--limits-address-per-second", &Config::limits_address_per_second, 0,
             1'000'000, "requests of one address; ten seconds' worth may come at once; beyond it 429; 0: no limit"),
      number("limits.token_per_second", "--limits-token-per-second", &Config::limits_token_per_second, 0, 1'000'000,
             "the same of one deliverer's or customer's credential"),
      number_or_off("privacy.stops_max", "--privacy-stops-max", &Config::privacy_stops_max, 1'000'000,
                    "customers see the exact place while so many stops or fewer come before theirs"),
      number_or_off("privacy.metres_max", "--privacy-metres-max", &Config::privacy_metres_max, 1'000'000,
                    "the same while it is so near, in metres"),
      number_or_off("privacy.minutes_max", "--privacy-minutes-max", &Config::privacy_minutes_max, 1'000'000,
                    "the same while it is so near, in estimated minutes"),
      number("privacy.area_metres", "--privacy-area-metres", &Config::privacy_area_metres, 50, 100'000,
             "radius of the area that they see otherwise"),
      number("privacy.trail_minutes", "--privacy-trail-minutes", &Config::privacy_trail_minutes, 0, 1440,
             "so much of the way that it came they see with an exact place"),
      number("privacy.after_close_minutes", "--privacy-after-close-minutes", &Config::privacy_after_close_minutes, 0,
             525'600, "a customer may read an order so long after its end"),
  };
}

std::vector<Setting> map_settings() {
  return {
      text("map.tiles", "--map-tiles", &Config::map_tiles, "a PMTiles file",
           "streets below the pages' maps, as vector tiles; those of Porto where it is not given"),
  };
}

std::vector<Setting> notify_settings() {
  return {
      text("notify.allow", "--notify-allow", &Config::notify_allow, "addresses and networks with commas between",
           "where webhooks may lead to although it is not on the public internet, as 10.0.0.0/8"),
      text("notify.ca_file", "--notify-ca-file", &Config::notify_ca_file, "a PEM file",
           "authorities that receivers' certificates must come from; the system's where it is not given"),
      number("notify.timeout_seconds", "--notify-timeout-seconds", &Config::notify_timeout_seconds, 1, 60,
             "a receiver that does not answer by then has failed"),
      number("notify.keep_hours", "--notify-keep-hours", &Config::notify_keep_hours, 1, 8760,
             "what webhooks were told can be told again for so long"),
      number("notify.hold_hours_max", "--notify-hold-hours-max", &Config::notify_hold_hours_max, 1, 24,
             "a webhook that nothing gets through to for so long is failed"),
      number("notify.retry_ms_first", "--notify-retry-ms-first", &Config::notify_retry_ms_first, 10, 60'000,
             "wait before the first repeat; then twice as long each time"),
      number("notify.retry_seconds_max", "--notify-retry-seconds-max", &Config::notify_retry_seconds_max, 1, 3600,
             "and at most so long"),
  };
}

std::vector<Setting> sources_settings() {
  return {
      text("sources.allow", "--sources-allow", &Config::sources_allow, "addresses and networks with commas between",
           "where other sources may be although it is not on the public internet, as 10.0.0.0/8"),
  };
}

std::vector<Setting> phones_settings() {
  Setting ports = text("phones.ports", "--phones-ports", &Config::phones_ports, "ports with commas between",
                       "where it listens as well, for phones that are set to a Traccar server: 5055,5144");
  ports.set = [](Config& config, const std::string& value) {
    config.phones_ports = value;
    return std::ranges::all_of(names_of(value), [](const std::string& one) {
      uint16_t port = 0;
      return set_number<uint16_t>(port, one, 1, UINT16_MAX);
    });
  };
  return {
      text("phones.passphrases_file", "--phones-passphrases-file", &Config::phones_passphrases_file, "a file",
           "of phones that encrypt what they send with OwnTracks: a line `DELIVERER PASSPHRASE` each (0600)"),
      std::move(ports),
  };
}

// SCHEME://HOST:PORT of one of these schemes; with commas between several where it is Kafka's.
bool is_broker_url(const std::string& value, std::initializer_list<std::string_view> schemes) {
  const size_t end = value.find("://");
  if (end == std::string::npos || std::ranges::find(schemes, value.substr(0, end)) == schemes.end()) return false;
  const bool several = value.starts_with("kafka");
  for (size_t begin = end + 3, next = 0; next != std::string::npos; begin = next + 1) {
    next = several ? value.find(',', begin) : std::string::npos;
    std::string host;
    uint16_t port = 0;
    if (!split_listen(value.substr(begin, next - begin), host, port) || port == 0) return false;
  }
  return true;
}

Setting broker_url_setting() {
  Setting setting =
      text("broker.url", "--broker-url", &Config::broker_url,
           "kafka:// or kafkas://HOST:PORT,…, mqtt:// or mqtts://HOST:PORT",
           "the broker that hands the journal on: waybill up to it, waybill subscribe from it; or that keeps it");
  setting.set = [](Config& config, const std::string& value) {
    config.broker_url = value;
    return value.empty() || is_broker_url(value, {"kafka", "kafkas", "mqtt", "mqtts"});
  };
  return setting;
}

Setting broker_topic_setting() {
  Setting setting = text("broker.topic", "--broker-topic", &Config::broker_topic, "letters, digits, `.`, `_` and `-`",
                         "the topic that is ours there; over MQTT what it begins with");
  setting.set = [](Config& config, const std::string& value) {
    const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
    constexpr size_t length_max = 200;  // Kafka: 249, and what we put behind it
    if (value.empty() || value.size() > length_max || !std::ranges::all_of(value, fits)) return false;
    config.broker_topic = value;
    return true;
  };
  return setting;
}

Setting name_setting(const char* name, const char* flag, std::string Config::* member, const char* help) {
  Setting setting = text(name, flag, member, "letters, digits, `-` and `_`, at most 64", help);
  setting.set = [member](Config& config, const std::string& value) {
    if (!ingest::is_follower_name(value)) return false;
    config.*member = value;
    return true;
  };
  return setting;
}

Setting followers_setting() {
  Setting setting =
      text("relay.followers", "--relay-followers", &Config::relay_followers, "names with commas between",
           "over MQTT: broker.name of each waybill subscribe that must have a record before the journal lets it go");
  setting.set = [](Config& config, const std::string& value) {
    config.relay_followers = value;
    return std::ranges::all_of(names_of(value), ingest::is_follower_name);
  };
  return setting;
}

std::vector<Setting> broker_settings() {
  return {
      broker_url_setting(),
      broker_topic_setting(),
      name_setting("broker.name", "--broker-name", &Config::broker_name,
                   "who this process is to the broker and to the relay; each process wants its own"),
      text("broker.user", "--broker-user", &Config::broker_user, "a name", "who logs in; nobody where it is not given"),
      text("broker.password_file", "--broker-password-file", &Config::broker_password_file, "a file",
           "its password, for its owner's eyes only (0600)"),
      text("broker.ca_file", "--broker-ca-file", &Config::broker_ca_file, "a PEM file",
           "authorities that the broker's certificate must come from; the system's where it is not given"),
      choice("broker.sasl_mechanism", "--broker-sasl-mechanism", &Config::broker_sasl_mechanism,
             {{"PLAIN", SaslMechanism::plain},
              {"SCRAM-SHA-256", SaslMechanism::scram_sha_256},
              {"SCRAM-SHA-512", SaslMechanism::scram_sha_512}},
             "how Kafka is told the password"),
      choice("broker.mqtt_version", "--broker-mqtt-version", &Config::broker_mqtt_version,
             {{"3.1.1", MqttVersion::v3_1_1}, {"5", MqttVersion::v5}},
             "of the MQTT server; only 5 tells when a server's rules refuse a message"),
      yes_or_no(
          "broker.keeps", "--broker-keeps", &Config::broker_keeps,
          "true, of Kafka only: what is posted is acknowledged when the topic has it, which several processes may "
          "share; the journal here is a copy of it"),
      number("broker.wait_seconds_max", "--broker-wait-seconds-max", &Config::broker_wait_seconds_max, 1, 60,
             "where broker.keeps: what the topic does not have by then is answered 503"),
      yes_or_no(
          "broker.on_duty", "--broker-on-duty", &Config::broker_on_duty,
          "where broker.keeps: this process tells webhooks and says which orders are silent; of several that share "
          "the topic true in one"),
      yes_or_no("relay.enabled", "--relay-enabled", &Config::relay_enabled,
                "false: waybill up leaves handing on to a process of waybill relay"),
      followers_setting(),
  };
}

Setting mqtt_url_setting() {
  Setting setting = text("mqtt.url", "--mqtt-url", &Config::mqtt_url, "mqtt:// or mqtts://HOST:PORT",
                         "the MQTT server that phones publish to; waybill up takes what they publish into custody");
  setting.set = [](Config& config, const std::string& value) {
    config.mqtt_url = value;
    return value.empty() || is_broker_url(value, {"mqtt", "mqtts"});
  };
  return setting;
}

Setting mqtt_topics_setting() {
  return {.name = "mqtt.topics",
          .flag = "--mqtt-topics",
          .variable = {},
          .expects = "FILTER=FORM, …; a filter of MQTT's, of the forms owntracks, waybill and first_system",
          .help = "what is listened to, and in which form it comes; the first `+` names the deliverer",
          .set =
              [](Config& config, const std::string& value) {
                auto rules = wire::parse_topic_rules(value);
                if (!rules || rules->empty()) return false;
                config.mqtt_topics = *std::move(rules);
                return true;
              },
          .show = [](const Config& config) { return '"' + wire::to_text(config.mqtt_topics) + '"'; }};
}

std::vector<Setting> mqtt_settings() {
  return {
      mqtt_url_setting(),
      name_setting("mqtt.name", "--mqtt-name", &Config::mqtt_name,
                   "who this platform is to that server, which holds what is published for it by this name"),
      mqtt_topics_setting(),
      text("mqtt.user", "--mqtt-user", &Config::mqtt_user, "a name", "who logs in; nobody where it is not given"),
      text("mqtt.password_file", "--mqtt-password-file", &Config::mqtt_password_file, "a file",
           "its password, for its owner's eyes only (0600)"),
      text("mqtt.ca_file", "--mqtt-ca-file", &Config::mqtt_ca_file, "a PEM file",
           "authorities that the server's certificate must come from; the system's where it is not given"),
      choice("mqtt.version", "--mqtt-version", &Config::mqtt_version,
             {{"3.1.1", MqttVersion::v3_1_1}, {"5", MqttVersion::v5}}, "of the protocol that the server speaks"),
  };
}

Setting lake_location_setting() {
  Setting setting = text("lake.location", "--lake-location", &Config::lake_location, "a folder or s3://BUCKET/PREFIX",
                         "where the lake's files are; `lake` of the data folder where it is not given");
  setting.set = [](Config& config, const std::string& value) {
    const bool is_folder = value.find("://") == std::string::npos;
    if (!is_folder && (!value.starts_with("s3://") || value.size() == std::string("s3://").size())) return false;
    config.lake_location = value;
    return true;
  };
  return setting;
}

std::vector<Setting> lake_settings() {
  constexpr uint64_t day_seconds = 86400;
  constexpr uint64_t mib_max = 1024;
  constexpr uint64_t year_hours = 8760;
  return {
      yes_or_no("lake.enabled", "--lake-enabled", &Config::lake_enabled,
                "false writes no lake; one that is left out for so long that the journal was trimmed cannot go on"),
      yes_or_no("lake.write", "--lake-write", &Config::lake_write,
                "false: waybill up leaves it to a process of waybill lake write"),
      lake_location_setting(),
      number("lake.roll_seconds", "--lake-roll-seconds", &Config::lake_roll_seconds, 1, day_seconds,
             "a location is in the lake at most about so long after it came"),
      number("lake.roll_mib", "--lake-roll-mib", &Config::lake_roll_mib, 1, mib_max,
             "records of so many MiB become a file earlier; they are held in memory"),
      number("lake.history_hours", "--lake-history-hours", &Config::lake_history_hours, 1, year_hours,
             "replaced files and the catalog's versions stay for so long"),
      number("lake.copies_mib_max", "--lake-copies-mib-max", &Config::lake_copies_mib_max, 1, 1 << 24,
             "of a lake in a bucket: copies in the data folder of what is asked for, of each process that asks"),
      text("lake.s3_endpoint", "--lake-s3-endpoint", &Config::lake_s3_endpoint, "a URL, as http://127.0.0.1:9000",
           "server of the bucket, asked as URL/BUCKET; AWS, asked as BUCKET.s3.REGION, where it is not given"),
      text("lake.s3_region", "--lake-s3-region", &Config::lake_s3_region, "a name", "region of the bucket"),
      text("lake.s3_access_key", "--lake-s3-access-key", &Config::lake_s3_access_key, "a name",
           "who asks; AWS_ACCESS_KEY_ID of the environment where it is not given"),
      text("lake.s3_secret_key_file", "--lake-s3-secret-key-file", &Config::lake_s3_secret_key_file, "a file",
           "the key's secret, for its owner's eyes only (0600); AWS_SECRET_ACCESS_KEY where it is not given"),
      text("lake.s3_ca_file", "--lake-s3-ca-file", &Config::lake_s3_ca_file, "a PEM file",
           "authorities that the server's certificate must come from; the system's where it is not given"),
  };
}

Setting grants_setting() {
  return {.name = "query.grants",
          .flag = "--query-grants",
          .variable = {},
          .expects = "role=zone or table or *, …; role=…, of the roles analyst, operator and admin",
          .help = "who may ask which tables over HTTP",
          .set =
              [](Config& config, const std::string& value) {
                const auto grants = parse_grants(value);
                if (grants) config.query_grants = *grants;
                return grants.has_value();
              },
          .show = [](const Config& config) { return '"' + to_text(config.query_grants) + '"'; }};
}

std::vector<Setting> transform_settings() {
  constexpr uint64_t day_seconds = 86400;
  return {
      number("transform.every_seconds", "--transform-every-seconds", &Config::transform_every_seconds, 0, day_seconds,
             "the treated and final tables are made anew so often, where something is new; 0: only by command"),
      text("transform.models", "--transform-models", &Config::transform_models, "a folder",
           "a company's own models, treated/ and final/ in it, beside those of Waybill or in their place")};
}

std::vector<Setting> query_settings() {
  constexpr uint64_t mib_max = 1 << 24;
  return {
      number("query.rows_max", "--query-rows-max", &Config::query_rows_max, 1, 10'000'000,
             "rows of an answer over HTTP; more are cut off, and it says so"),
      number("query.seconds_max", "--query-seconds-max", &Config::query_seconds_max, 1, 3600,
             "a question over HTTP that takes longer is stopped and answered 503"),
      number("query.memory_mib_max", "--query-memory-mib-max", &Config::query_memory_mib_max, 64, mib_max,
             "memory of a question; what does not fit is spilled, what cannot be is stopped"),
      number("query.at_once_max", "--query-at-once-max", &Config::query_at_once_max, 1, 64,
             "questions over HTTP at a time; more are answered 503"),
      grants_setting(),
  };
}

// Settings of one table stand together, so that `waybill config` prints each table once.
std::vector<Setting> make_settings() {
  std::vector<Setting> all;
  for (const auto group : {general_settings, http_settings, storage_settings, access_settings, map_settings,
                           notify_settings, sources_settings, phones_settings, broker_settings, mqtt_settings,
                           lake_settings, transform_settings, query_settings})
    for (Setting& setting : group()) all.push_back(std::move(setting));
  for (Setting& setting : all) {
    setting.variable = "WAYBILL_" + setting.name;
    for (char& c : setting.variable)
      c = c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return all;
}

// Leaves of the file as "table.key" to the value's text.
Result<void> flatten(const toml::table& table, const std::string& prefix, std::map<std::string, std::string>& into) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      TRY(flatten(*inner, name + ".", into));
    } else if (const auto* string = node.as_string()) {
      into[name] = string->get();
    } else if (node.is_integer() || node.is_boolean()) {
      std::ostringstream written;
      node.visit([&](const auto& value) { written << value; });
      into[name] = written.str();
    } else {
      return fail(Code::invalid, name + ": expected a text, a whole number, true or false");
    }
  }
  return {};
}

Result<std::map<std::string, std::string>> read_toml(const std::string& path) {
  TRY_LET(const std::string content, read_file(system_files(), path));
  std::map<std::string, std::string> values;
  try {
    const toml::table table = toml::parse(content, path);
    if (auto flat = flatten(table, "", values); !flat) return fail_in(path, flat.error());
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << path << ':' << error.source().begin.line << ": " << error.description();
    return fail(Code::invalid, where.str());
  }
  return values;
}

Result<void> set_from(LoadedConfig& loaded, const Setting& setting, const std::string& value,
                      const std::string& source) {
  if (!setting.set(loaded.config, value))
    return fail(Code::invalid, source + ": " + setting.name + " is '" + value + "', expected " + setting.expects);
  loaded.sources[setting.name] = source;
  return {};
}

Result<void> take_file(LoadedConfig& loaded, const std::string& path) {
  TRY_LET(const auto values, read_toml(path));
  for (const auto& [name, value] : values) {
    const auto setting = std::ranges::find(settings(), name, &Setting::name);
    if (setting == settings().end())
      return fail(Code::invalid, path + ": there is no setting '" + name + "'; `waybill config` lists them");
    TRY(set_from(loaded, *setting, value, "file " + path));
  }
  return {};
}

}  // namespace

std::string Config::host() const {
  std::string host;
  uint16_t port = 0;
  split_listen(listen, host, port);
  return host;
}

std::vector<std::string> names_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

std::string Config::keys_folder() const { return auth_keys.empty() ? join_path(data, "keys") : auth_keys; }

bool Config::on_loopback() const {
  const std::string name = host();
  return name.starts_with("127.") || name == "::1" || name == "localhost";
}

uint16_t Config::port() const {
  std::string host;
  uint16_t port = 0;
  split_listen(listen, host, port);
  return port;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

Result<LoadedConfig> load_config(const std::string& file, const std::map<std::string, std::string>& flags) {
  LoadedConfig loaded;
  for (const Setting& setting : settings()) loaded.sources[setting.name] = "default";
  if (!file.empty()) {
    TRY(take_file(loaded, file));
  } else if (system_files().info("waybill.toml")) {
    TRY(take_file(loaded, "waybill.toml"));
  }
  for (const Setting& setting : settings()) {
    if (auto value = environment_variable(setting.variable))
      TRY(set_from(loaded, setting, *value, "variable " + setting.variable));
    if (auto flag = flags.find(setting.name); flag != flags.end())
      TRY(set_from(loaded, setting, flag->second, "flag " + setting.flag));
  }
  return loaded;
}

std::string show_config(const LoadedConfig& loaded) {
  std::ostringstream shown;
  std::string open_table;
  // Keys without a table come first, as TOML wants them.
  for (const bool in_table : {false, true}) {
    for (const Setting& setting : settings()) {
      const size_t dot = setting.name.find('.');
      if ((dot != std::string::npos) != in_table) continue;
      const std::string table = in_table ? setting.name.substr(0, dot) : "";
      if (table != open_table) shown << "\n[" << table << "]\n";
      open_table = table;
      const std::string line = setting.name.substr(in_table ? dot + 1 : 0) + " = " + setting.show(loaded.config);
      constexpr size_t source_column = 40;
      shown << line << std::string(line.size() < source_column ? source_column - line.size() : 1, ' ') << "# "
            << loaded.sources.at(setting.name) << "; " << setting.help << '\n';
    }
  }
  return shown.str();
}

}  // namespace waybill::app

#include "app/transfer.h"

#include "app/wiring.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "ingest/line_copy.h"
#include "ingest/line_door.h"
#include "ingest/replica.h"

namespace waybill::app {
namespace {

// Runs something in a thread of its own.
class InThread final : public Transfer {
 public:
  using Run = std::function<Result<void>(const std::stop_token& stop)>;

  InThread(std::string name, Run run) : name_(std::move(name)), run_(std::move(run)) {}
  ~InThread() override { stop(); }

  void start(std::function<void(const Error&)> on_failure) override {
    thread_ = std::jthread([this, on_failure = std::move(on_failure)](const std::stop_token& asked) {
      name_this_thread(name_);
      if (auto ran = run_(asked); !ran) on_failure(ran.error());
    });
  }
  void stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

 private:
  const std::string name_;
  const Run run_;
  std::jthread thread_;
};

// What was handed on to one place says nothing of another.
std::string place_of(const Config& config) {
  return config.broker_url + '/' + config.broker_topic + ' ' + config.relay_followers;
}

// This journal's, made when it is handed on for the first time.
Result<uint64_t> journal_id_of(const DataFolder& folder) {
  const auto known = read_journal_id(system_files(), folder.relay_id());
  if (known || known.error().code != Code::not_found) return known;
  const uint64_t id = std::max<uint64_t>(random_seed(), 1);
  TRY(write_journal_id(system_files(), folder.relay_id(), id));
  return id;
}

class Nothing final : public Transfer {
 public:
  void start(std::function<void(const Error&)>) override {}
  void stop() override {}
};

}  // namespace

Relaying::Relaying(const Config& config, const DataFolder& folder, journal::Source& journal, Wait wait, Clock& clock,
                   Metrics& metrics)
    : config_(config), folder_(folder), journal_(journal), wait_(std::move(wait)), clock_(clock), metrics_(metrics) {}

Result<void> Relaying::open() {
  TRY_LET(broker_, open_broker_of(config_));
  std::vector<std::string> followers = names_of(config_.relay_followers);
  if (!broker_->keeps() && followers.empty())
    return fail(Code::invalid,
                "relay.followers is empty: over MQTT the journal has to know who must have a record before it may go");
  TRY_LET(const uint64_t id, journal_id_of(folder_));
  relay_ = std::make_unique<ingest::Relay>(journal_, *broker_,
                                           ingest::RelayOptions{.topic = config_.broker_topic,
                                                                .journal_id = id,
                                                                .followers = std::move(followers),
                                                                .wait = wait_,
                                                                .note =
                                                                    [this](Position below) {
                                                                      return ingest::write_relayed(
                                                                          system_files(), folder_.relayed(),
                                                                          {.below = below, .to = place_of(config_)});
                                                                    }},
                                           clock_, metrics_);
  return {};
}

ingest::Consumer relay_consumer(const Config& config, const DataFolder& folder, const journal::Source& journal) {
  return {.name = "relay", .durable = [path = folder.relayed(), to = place_of(config), &journal]() -> uint64_t {
            const auto relayed = ingest::read_relayed(system_files(), path);
            if (!relayed && relayed.error().code != Code::not_found)
              log::error("what was handed on is not known; the journal keeps all of it",
                         {{"why", relayed.error().message}});
            if (!relayed || relayed->to != to ||
                !journal.epochs().check_watermark(relayed->below.epoch, relayed->below.offset))
              return 0;
            return relayed->below.offset;
          }};
}

Result<std::unique_ptr<Transfer>> open_relay(const Config& config, const DataFolder& folder, journal::Journal& journal,
                                             Metrics& metrics) {
  if (config.broker_url.empty() || !config.relay_enabled) return std::make_unique<Nothing>();
  // As long as it runs nobody else hands this journal on.
  struct Parts {
    DataFolder role;
    std::unique_ptr<Relaying> relaying;
  };
  const auto parts = std::make_shared<Parts>();
  TRY_LET(parts->role, open_role_folder(config.data, relay_role, system_files()));
  parts->relaying = std::make_unique<Relaying>(
      config, folder, journal,
      [&journal](uint64_t offset, auto at_most, const auto& stop) { journal.wait_for(offset, at_most, stop); },
      system_clock(), metrics);
  TRY(parts->relaying->open());
  return std::make_unique<InThread>("relay", [parts](const std::stop_token& stop) -> Result<void> {
    parts->relaying->run(stop);
    return {};
  });
}

Result<std::unique_ptr<Transfer>> open_listening(const Config& config, journal::Journal& journal,
                                                 const store::Store& store, ingest::Acceptor& acceptor, Phones& phones,
                                                 Metrics& metrics) {
  if (config.mqtt_url.empty()) return std::make_unique<Nothing>();
  const auto listening =
      std::make_shared<ingest::Listening>(journal, store, acceptor,
                                          ingest::ListenOptions{.topics = config.mqtt_topics,
                                                                .naive_offset = config.naive_offset,
                                                                .open = [&config] { return open_listener_of(config); },
                                                                .passphrases = &phones.passphrases,
                                                                .words = &phones.words},
                                          system_clock(), metrics);
  TRY(listening->open());
  return std::make_unique<InThread>("listen",
                                    [listening](const std::stop_token& stop) { return listening->run(stop); });
}

Result<std::unique_ptr<Transfer>> open_replica(const Config& config, const DataFolder& folder,
                                               journal::Journal& journal, Health& health, Metrics& metrics) {
  struct Parts {
    std::unique_ptr<broker::Broker> broker;
    std::unique_ptr<ingest::Replica> replica;
  };
  const auto parts = std::make_shared<Parts>();
  TRY_LET(parts->broker, open_broker_of(config));
  TRY_LET(const uint64_t id, read_journal_id(system_files(), folder.follows()));
  parts->replica = std::make_unique<ingest::Replica>(
      journal, *parts->broker,
      ingest::ReplicaOptions{
          .topic = config.broker_topic,
          .name = config.broker_name,
          .journal_id = id,
          .adopt = [&folder](uint64_t its) { return write_journal_id(system_files(), folder.follows(), its); }},
      system_clock(), health, metrics);
  return std::make_unique<InThread>("replicate",
                                    [parts](const std::stop_token& stop) { return parts->replica->run(stop); });
}

Result<std::unique_ptr<Transfer>> open_line(const Config& config, const DataFolder& folder, journal::Journal& journal,
                                            ingest::Acceptor& acceptor, Health& health, Metrics& metrics) {
  struct Parts {
    std::unique_ptr<broker::Broker> broker;
    std::unique_ptr<ingest::LineDoor> door;
    std::unique_ptr<ingest::LineCopy> copy;
  };
  const auto parts = std::make_shared<Parts>();
  TRY_LET(parts->broker, open_broker_of(config));
  if (!parts->broker->keeps())
    return fail(Code::invalid,
                "broker.keeps is true, but an MQTT server loses what it has acknowledged: it takes Kafka");
  auto mark = ingest::read_line_mark(system_files(), folder.line());
  if (!mark && mark.error().code != Code::not_found) return std::unexpected(mark.error());
  TRY_LET(const uint64_t id, journal_id_of(folder));
  const broker::Line line{.topic = config.broker_topic, .partition = journal.partition()};
  parts->door = std::make_unique<ingest::LineDoor>(
      *parts->broker, line, std::chrono::seconds(config.broker_wait_seconds_max), system_clock(), metrics);
  parts->copy = std::make_unique<ingest::LineCopy>(
      journal, *parts->broker, *parts->door,
      ingest::LineCopyOptions{
          .line = line,
          .journal_id = id,
          .mark = mark ? std::optional(*mark) : std::nullopt,
          .note = [path = folder.line()](
                      const ingest::LineMark& now) { return ingest::write_line_mark(system_files(), path, now); },
          .erased = acceptor.erased()},
      system_clock(), health, metrics);
  acceptor.offer_to([parts](const journal::Records& records) { return parts->door->offer(records); });
  return std::make_unique<InThread>("copy", [parts](const std::stop_token& stop) {
    const std::jthread sending([parts](const std::stop_token& asked) {
      name_this_thread("offer");
      parts->door->run(asked);
    });
    return parts->copy->run(stop);
  });
}

}  // namespace waybill::app

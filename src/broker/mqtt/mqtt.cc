#include "broker/mqtt/mqtt.h"

#include <mosquitto.h>

#include <algorithm>
#include <deque>
#include <map>

#include "broker/mqtt/connection.h"
#include "broker/mqtt/listening.h"

namespace waybill::broker {
namespace {

constexpr size_t under_way_max = 100;  // published and not acknowledged; the rest waits here
constexpr std::chrono::milliseconds subscribe_ms_max{5000};
constexpr int qos = 1;
constexpr int refused_from = 0x80;  // reason codes and granted levels from here on are failures

std::string topic_of(const Line& line) { return line.topic + '/' + std::to_string(line.partition); }

// Of letters, digits, `-` and `_`: some servers take no others.
std::string client_id(const MqttOptions& options, const char* way, const Line& line) {
  std::string id = options.name + way + line.topic + '-' + std::to_string(line.partition);
  std::ranges::replace(id, '.', '_');
  return id;
}

bool is_granted(std::span<const int> granted) {
  return !granted.empty() && std::ranges::all_of(granted, [](int level) { return level < refused_from; });
}

// Sends what is not acknowledged again on each connection, in order; so it needs no session of the server's.
class MqttOutbox final : public Outbox, private Connection {
 public:
  MqttOutbox(const MqttOptions& options, const Line& line)
      : Connection(options, client_id(options, "-out-", line), Session{}), topic_(topic_of(line)) {}
  ~MqttOutbox() override { stop(); }

  using Connection::start;

  Result<void> send(std::string_view /*key*/, Bytes bytes) override {
    if (bytes.size() > message_bytes_max)
      return fail(Code::invalid, "mqtt: a message of " + std::to_string(bytes.size()) + " bytes is too large");
    const auto held = lock();
    if (broken_) return std::unexpected(*broken_);
    if (waiting_.size() >= outbox_messages_max || (bytes_ + bytes.size() > outbox_bytes_max && !waiting_.empty()))
      return fail(Code::overloaded, "mqtt: " + std::to_string(waiting_.size()) + " messages are not acknowledged yet");
    waiting_.push_back({.bytes = std::string(as_text(bytes))});
    bytes_ += bytes.size();
    wake();
    return {};
  }

  Result<uint64_t> acknowledged(uint64_t known, std::chrono::milliseconds at_most) override {
    auto held = lock();
    changed_.wait_for(held, at_most, [&] { return acknowledged_ > known || broken_; });
    if (acknowledged_ > known) return acknowledged_;
    if (broken_) return std::unexpected(*broken_);
    if (trouble_) return std::unexpected(*trouble_);
    return known;
  }

 private:
  struct Waiting {
    std::string bytes;
    bool done = false;
  };

  void connected() override { publish(); }
  void disconnected() override {
    published_ = 0;
    by_number_.clear();
    for (Waiting& one : waiting_) one.done = false;
  }
  void turn() override { publish(); }

  void publish() {
    while (!broken_ && published_ < waiting_.size() && published_ < under_way_max) {
      const std::string& bytes = waiting_[published_].bytes;
      int number = 0;
      const int error = mosquitto_publish(client(), &number, topic_.c_str(), static_cast<int>(bytes.size()),
                                          bytes.data(), qos, false);
      if (error == MOSQ_ERR_PAYLOAD_SIZE || error == MOSQ_ERR_OVERSIZE_PACKET || error == MOSQ_ERR_INVAL) {
        broken_ = Error{Code::invalid, "mqtt: " + topic_ + ": " + mosquitto_strerror(error)};
        changed_.notify_all();
      }
      if (error != MOSQ_ERR_SUCCESS) return;
      by_number_[number] = acknowledged_ + published_++;
    }
  }

  void published(int number, int reason) override {
    const auto found = by_number_.find(number);
    if (found == by_number_.end()) return;  // of a connection before
    const uint64_t index = found->second - acknowledged_;
    by_number_.erase(found);
    if (reason >= refused_from) {
      broken_ = Error{Code::denied, "mqtt: " + topic_ + ": " + mosquitto_reason_string(reason)};
    } else {
      waiting_[index].done = true;
      while (!waiting_.empty() && waiting_.front().done) {
        bytes_ -= waiting_.front().bytes.size();
        waiting_.pop_front();
        --published_;
        ++acknowledged_;
      }
    }
    changed_.notify_all();
  }

  const std::string topic_;
  std::deque<Waiting> waiting_;           // not acknowledged, the oldest first
  size_t bytes_ = 0;                      // theirs
  size_t published_ = 0;                  // of these, on this connection
  uint64_t acknowledged_ = 0;             // before these
  std::map<int, uint64_t> by_number_;     // a packet's number to which message of all it is
};

// The server collects for it while it is away; what comes beyond inbox_bytes_max stays in the socket.
class MqttInbox final : public Inbox, private Connection {
 public:
  MqttInbox(const MqttOptions& options, const Line& line)
      : Connection(options, client_id(options, "-in-", line), {.kept = std::chrono::hours(24)}),
        topic_(topic_of(line)) {}
  ~MqttInbox() override { stop(); }

  Result<void> open() {
    TRY(start());
    auto held = lock();
    changed_.wait_for(held, subscribe_ms_max,
                      [&] { return subscribed_ || broken_ || (trouble_ && trouble_->code == Code::denied); });
    if (subscribed_) return {};
    if (broken_) return std::unexpected(*broken_);
    return std::unexpected(
        trouble_.value_or(Error{Code::unavailable, "mqtt: no answer to the subscription to " + topic_}));
  }

  Result<std::vector<Message>> receive(std::chrono::milliseconds at_most) override {
    auto held = lock();
    changed_.wait_for(held, at_most, [&] { return !come_.empty() || broken_; });
    if (!come_.empty()) {
      bytes_ = 0;
      wake();
      return std::exchange(come_, {});
    }
    if (broken_) return std::unexpected(*broken_);
    if (trouble_) return std::unexpected(*trouble_);
    return std::vector<Message>();
  }

  Result<Places> places() override { return Places{}; }
  Result<void> seek(uint64_t) override { return fail(Code::invalid, "mqtt: " + topic_ + " has no places"); }

 private:
  void connected() override { static_cast<void>(mosquitto_subscribe(client(), nullptr, topic_.c_str(), qos)); }
  void subscribed(std::span<const int> granted) override {
    subscribed_ = is_granted(granted);
    if (!subscribed_) broken_ = Error{Code::denied, "mqtt: the server does not let us subscribe to " + topic_};
    changed_.notify_all();
  }
  void came(const mosquitto_message& message) override {
    come_.push_back(
        {.place = 0,
         .key = {},
         .bytes = std::string(static_cast<const char*>(message.payload), static_cast<size_t>(message.payloadlen))});
    bytes_ += come_.back().bytes.size();
    changed_.notify_all();
  }
  bool may_read() const override { return bytes_ < inbox_bytes_max; }

  const std::string topic_;
  std::vector<Message> come_;
  size_t bytes_ = 0;
  bool subscribed_ = false;
};

class MqttBroker final : public Broker {
 public:
  explicit MqttBroker(const MqttOptions& options) : options_(options) {}

  bool keeps() const override { return false; }

  Result<std::unique_ptr<Outbox>> send_to(const Line& line) override {
    auto outbox = std::make_unique<MqttOutbox>(options_, line);
    TRY(outbox->start());
    return outbox;
  }

  Result<std::unique_ptr<Inbox>> receive_from(const Line& line) override {
    auto inbox = std::make_unique<MqttInbox>(options_, line);
    TRY(inbox->open());
    return inbox;
  }

  Result<void> make(const Line&) override { return {}; }  // a topic is there when somebody uses it

 private:
  const MqttOptions options_;
};

Result<std::unique_ptr<Broker>> open(const MqttOptions& options) {
  if (options.host.empty()) return fail(Code::invalid, "mqtt: no server is named");
  return std::make_unique<MqttBroker>(options);
}

}  // namespace

extern "C" const Mqtt waybill_broker_mqtt{.open = &open, .listen = &listen_to};

}  // namespace waybill::broker

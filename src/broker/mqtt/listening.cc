#include "broker/mqtt/listening.h"

#include <mosquitto.h>

#include <algorithm>

#include "broker/mqtt/connection.h"

namespace waybill::broker {
namespace {

constexpr int qos = 1;
constexpr int refused_from = 0x80;  // granted levels from here on are refusals
constexpr std::chrono::hours session_kept{
    7 * 24};  // a server is away for a weekend, not for longer without anybody noticing

// While there are messages that are not confirmed nothing is written, so none of their acknowledgements is. They stand in one queue
// with everything else: what waits for them is at most a ping, and a connection that is given up for it brings the messages again.
class MqttListener final : public Listener, private Connection {
 public:
  MqttListener(const MqttOptions& options, std::vector<std::string> filters)
      : Connection(
            options, options.name + "-listen",
            {.kept = session_kept, .unacknowledged_max = heard_messages_max, .answers = Session::Answers::when_asked}),
        filters_(std::move(filters)) {}
  ~MqttListener() override { stop(); }

  using Connection::start;

  Result<std::vector<Heard>> hear(std::chrono::milliseconds at_most) override {
    auto held = lock();
    if (asked_for_) return fail(Code::invalid, "mqtt: what was heard before is not confirmed");
    changed_.wait_for(held, at_most, [&] { return !come_.empty() || broken_; });
    if (!come_.empty()) {
      asked_for_ = unanswered_ = true;
      bytes_ = 0;
      assured_.clear();
      return std::exchange(come_, {});
    }
    if (broken_) return std::unexpected(*broken_);
    if (trouble_) return std::unexpected(*trouble_);
    if (!subscribed_) return fail(Code::unavailable, "mqtt: the server has not answered yet");
    return std::vector<Heard>();
  }

  void confirm() override {
    const auto held = lock();
    asked_for_ = unanswered_ = false;
    wake();
  }

 private:
  void connected() override {
    std::vector<char*> names;
    for (std::string& filter : filters_) names.push_back(filter.data());
    static_cast<void>(
        mosquitto_subscribe_multiple(client(), nullptr, static_cast<int>(names.size()), names.data(), qos, 0, nullptr));
  }

  // What the server holds comes again, and what was given away before is not acknowledged on another connection.
  void disconnected() override {
    subscribed_ = unanswered_ = false;
    std::vector<Heard> kept;
    for (size_t i = 0; i < come_.size(); ++i)
      if (!assured_[i]) kept.push_back(std::move(come_[i]));
    come_ = std::move(kept);
    assured_.assign(come_.size(), false);
    bytes_ = 0;
    for (const Heard& one : come_) bytes_ += one.bytes.size();
  }

  void subscribed(std::span<const int> granted) override {
    for (size_t i = 0; i < std::min(granted.size(), filters_.size()); ++i)
      if (granted[i] >= refused_from)
        broken_ = Error{Code::denied, "mqtt: the server does not let us listen to " + filters_[i]};
    subscribed_ = !broken_;
    changed_.notify_all();
  }

  void came(const mosquitto_message& message) override {
    come_.push_back(
        {.topic = message.topic,
         .bytes = std::string(static_cast<const char*>(message.payload), static_cast<size_t>(message.payloadlen))});
    assured_.push_back(message.qos > 0);
    bytes_ += come_.back().bytes.size();
    changed_.notify_all();
  }

  bool may_read() const override {
    return !unanswered_ && come_.size() < heard_messages_max && bytes_ < inbox_bytes_max;
  }
  bool may_write() const override { return !unanswered_ && come_.empty(); }

  std::vector<std::string> filters_;
  std::vector<Heard> come_;
  std::vector<bool> assured_;  // of these: the server holds it until it is acknowledged
  size_t bytes_ = 0;  // theirs
  bool asked_for_ = false;  // some were given and are not confirmed
  bool unanswered_ = false;  // and they came on this connection
  bool subscribed_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen_to(const MqttOptions& options, const std::vector<std::string>& filters) {
  if (options.host.empty()) return fail(Code::invalid, "mqtt: no server is named");
  if (filters.empty()) return fail(Code::invalid, "mqtt: no topics are named");
  auto listener = std::make_unique<MqttListener>(options, filters);
  TRY(listener->start());
  return listener;
}

}  // namespace waybill::broker

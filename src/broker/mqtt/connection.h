// broker/mqtt/connection.h — one client's connection to an MQTT server: its thread, and connecting again.
//
// Threads: everything that is overridden is called in its thread, with the lock held; who else reads the state takes lock().
//          It waits by poll(): libmosquitto's own loop waits by select(), which knows no descriptor above 1023.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "broker/mqtt_broker.h"

struct mosquitto;  // libmosquitto's
struct mosquitto_message;

namespace waybill::broker {

struct Session {
  // So long the server goes on to collect for this client id while it is away. 0: each connection begins anew, and nothing that was
  // published before is sent again by the library.
  std::chrono::seconds kept{0};
  // MQTT 5: so many messages the server sends us without an acknowledgement; 0: as many as the library says by itself.
  uint16_t unacknowledged_max = 0;
  // All that is to be sent waits for may_write(), acknowledgements as well: the library makes them before it hands a message on, and
  // would send them at once.
  enum class Answers : uint8_t { at_once, when_asked } answers = Answers::at_once;
};

class Connection {
 public:
  Connection(const MqttOptions& options, std::string client_id, const Session& session);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection();

 protected:
  virtual void connected() = 0;
  virtual void disconnected() {}
  virtual void published(int /*number*/, int /*reason*/) {}
  virtual void came(const mosquitto_message& /*message*/) {}
  virtual void subscribed(std::span<const int> /*granted*/) {}  // for each filter
  virtual void turn() {}  // while it is connected, each time something happened and each time it is woken
  virtual bool may_read() const { return true; }
  virtual bool may_write() const { return true; }  // once it is connected

  // For those who override: start() last in their constructor, stop() first in their destructor.
  Result<void> start();
  void stop();
  void wake() const;

  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  mosquitto* client() const { return client_; }
  bool is_connected() const { return connected_; }
  bool is_version_5() const { return options_.version_5; }

  std::condition_variable_any changed_;  // something of the state that lock() guards
  std::optional<Error> trouble_;  // what is wrong now
  std::optional<Error> broken_;  // what is wrong for good

 private:
  Result<void> configure();
  void set_callbacks();
  void answered(int reason);
  void run(const std::stop_token& stop);
  bool is_there(const std::stop_token& stop) const;
  bool connect(const std::stop_token& stop);
  int talk();
  int read_what_is_there();
  bool wants_to_write() const;
  void take_leave();
  void lost(const std::string& why);

  const MqttOptions options_;
  const std::string client_id_;
  const Session session_;
  std::mutex mutex_;
  mosquitto* client_ = nullptr;
  int wake_fd_ = -1;
  bool connected_ = false;
  std::jthread thread_;
};

}  // namespace waybill::broker

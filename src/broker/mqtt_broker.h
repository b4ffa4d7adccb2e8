// broker/mqtt_broker.h — MQTT brokers, by libmosquitto: MQTT 5 or 3.1.1, QoS 1, a session that outlives the connection.
//
// Keeps: nothing that could be relied on. Mosquitto acknowledges before it saves, and drops what is beyond its queues while it
//        acknowledges; so this broker is a wire, whatever the server does.
// Topics: a line is the topic `<topic>/<partition>`. Its messages have no key.
// Failure: MQTT 5 tells when the server's ACL refuses a message: denied. MQTT 3.1.1 cannot: it is acknowledged and gone.
#pragma once

#include "broker/broker.h"

namespace waybill::broker {

struct MqttOptions {
  std::string host;
  uint16_t port = 1883;
  bool tls = false;
  bool version_5 = true;  // false: 3.1.1
  Login login{};
  std::string name = "waybill";  // client ids begin with it; two that run at the same time want two names
};

// Connects when it is first used.
Result<std::unique_ptr<Broker>> open_mqtt(const MqttOptions& options);

}  // namespace waybill::broker

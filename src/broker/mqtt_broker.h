// broker/mqtt_broker.h — MQTT brokers, by libmosquitto: MQTT 5 or 3.1.1, QoS 1, a session that outlives the connection.
//
// Keeps: nothing that could be relied on. Mosquitto acknowledges before it saves, and drops what is beyond its queues while it
//        acknowledges; so this broker is a wire, whatever the server does.
// Topics: a line is the topic `<topic>/<partition>`. Its messages have no key.
// Listening: the session of its name is kept for a week. Acknowledged is what was confirmed, and nothing before.
// Failure: MQTT 5 tells when the server's ACL refuses a message: denied. MQTT 3.1.1 cannot: it is acknowledged and gone.
#pragma once

#include "broker/broker.h"
#include "broker/listener.h"

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

// To all topics that one of the filters (MQTT's, with + and #) describes. Connects by itself, and again; until it is there hear() says
// unavailable. Of the messages of a server that speaks MQTT 3.1.1 only so many are under way as the server wants.
Result<std::unique_ptr<Listener>> listen_mqtt(const MqttOptions& options, const std::vector<std::string>& filters);

}  // namespace waybill::broker

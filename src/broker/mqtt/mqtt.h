// broker/mqtt/mqtt.h — what the shared object of the MQTT client offers; broker/mqtt_broker.h is the way to it.
#pragma once

#include "broker/mqtt_broker.h"

namespace waybill::broker {

struct Mqtt {
  Result<std::unique_ptr<Broker>> (*open)(const MqttOptions& options);
  Result<std::unique_ptr<Listener>> (*listen)(const MqttOptions& options, const std::vector<std::string>& filters);
};

extern "C" const Mqtt waybill_broker_mqtt;

}  // namespace waybill::broker

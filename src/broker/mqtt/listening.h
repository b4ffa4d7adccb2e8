// broker/mqtt/listening.h — a listener of an MQTT server: acknowledges what is safe.
#pragma once

#include "broker/mqtt_broker.h"

namespace waybill::broker {

Result<std::unique_ptr<Listener>> listen_to(const MqttOptions& options, const std::vector<std::string>& filters);

}  // namespace waybill::broker

#include "broker/mqtt_broker.h"

#include "base/late.h"
#include "broker/mqtt/mqtt.h"

namespace waybill::broker {

Result<std::unique_ptr<Broker>> open_mqtt(const MqttOptions& options) {
  TRY_LET(const Mqtt* mqtt, late<Mqtt>("waybill_broker_mqtt"));
  return mqtt->open(options);
}

Result<std::unique_ptr<Listener>> listen_mqtt(const MqttOptions& options, const std::vector<std::string>& filters) {
  TRY_LET(const Mqtt* mqtt, late<Mqtt>("waybill_broker_mqtt"));
  return mqtt->listen(options, filters);
}

}  // namespace waybill::broker

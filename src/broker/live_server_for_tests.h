// broker/live_server_for_tests.h — the real server that tests run against, where WAYBILL_TEST_BROKER names one (tools/services.py).
#pragma once

#include <string>

#include "base/environment.h"
#include "broker/mqtt_broker.h"

namespace waybill::broker {

inline std::string live_variable(const std::string& name) {
  return environment_variable("WAYBILL_TEST_BROKER" + name).value_or("");
}
inline bool there_is_a_server() { return !live_variable("").empty(); }

struct LiveServer {
  std::string scheme;
  std::string address;
};
inline LiveServer live_server() {
  const std::string url = live_variable("");
  const size_t end = url.find("://");
  return {.scheme = url.substr(0, end), .address = url.substr(end + 3)};
}
inline bool live_server_speaks_mqtt() { return there_is_a_server() && live_server().scheme.starts_with("mqtt"); }

inline Login live_login() {
  return {.user = live_variable("_USER"), .password = live_variable("_PASSWORD"), .ca_file = live_variable("_CA_FILE")};
}

inline MqttOptions live_mqtt_options(const Login& who, const std::string& address) {
  const size_t colon = address.rfind(':');
  return {.host = address.substr(0, colon),
          .port = static_cast<uint16_t>(std::stoi(address.substr(colon + 1))),
          .tls = live_server().scheme.back() == 's',
          .version_5 = live_variable("_MQTT_VERSION") != "3.1.1",
          .login = who};
}

}  // namespace waybill::broker

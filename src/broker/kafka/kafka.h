// broker/kafka/kafka.h — what the shared object of the Kafka client offers; broker/kafka_broker.h is the way to it.
#pragma once

#include "broker/kafka_broker.h"

namespace waybill::broker {

struct Kafka {
  Result<std::unique_ptr<Broker>> (*open)(const KafkaOptions& options);
};

extern "C" const Kafka waybill_broker_kafka;

}  // namespace waybill::broker

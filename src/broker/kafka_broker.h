// broker/kafka_broker.h — Apache Kafka and what speaks its protocol, by librdkafka.
//
// Keeps: what is acknowledged by all replicas in sync (acks=all), from an idempotent producer, so that no retry of the client's
//        stands in a line twice. That is the page cache of these machines, not their disks (docs/OPERATIONS.md, Brokers).
// Limits: a message's answer is waited for without end: librdkafka tries again for as long as the Outbox lives.
#pragma once

#include "broker/broker.h"

namespace waybill::broker {

struct KafkaOptions {
  std::string servers;  // host:port, with commas between
  bool tls = false;
  std::string sasl_mechanism = "SCRAM-SHA-512";  // where there is a user: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
  Login login{};
  std::string name = "waybill";  // client.id
};

// Connects when it is first used.
Result<std::unique_ptr<Broker>> open_kafka(const KafkaOptions& options);

}  // namespace waybill::broker

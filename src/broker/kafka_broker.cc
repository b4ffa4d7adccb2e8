#include "broker/kafka_broker.h"

#include "base/late.h"
#include "broker/kafka/kafka.h"

namespace waybill::broker {

Result<std::unique_ptr<Broker>> open_kafka(const KafkaOptions& options) {
  TRY_LET(const Kafka* kafka, late<Kafka>("waybill_broker_kafka"));
  return kafka->open(options);
}

}  // namespace waybill::broker

#include "broker/kafka/kafka.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <optional>

namespace waybill::broker {
namespace {

constexpr int answer_ms_max = 5000;  // of what is asked and waited for: places, a topic that is made
constexpr size_t text_max = 512;     // of what librdkafka says
constexpr size_t batch_max = 1000;   // messages taken at once

struct Closer {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
template <class T>
using Held = std::unique_ptr<T, Closer>;

Code code_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return Code::denied;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return Code::not_found;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return Code::invalid;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return Code::overloaded;
    default: return Code::unavailable;
  }
}

Error error_of(std::string_view doing, rd_kafka_resp_err_t error, const char* more = nullptr) {
  std::string text = "kafka, " + std::string(doing) + ": " + rd_kafka_err2str(error);
  if (more != nullptr && *more != '\0') text += std::string(" (") + more + ')';
  return {code_of(error), std::move(text)};
}

std::string text_of(const Line& line) { return line.topic + '/' + std::to_string(line.partition); }

using Settings = std::vector<std::pair<const char*, std::string>>;

// A connection to the cluster; remembers what is wrong with it now.
class Client {
 public:
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    if (kafka_ != nullptr) rd_kafka_destroy_flags(kafka_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }

  Result<void> open(rd_kafka_type_t type, const KafkaOptions& options, const Settings& more) {
    Held<rd_kafka_conf_t> conf(rd_kafka_conf_new());
    for (const Settings& settings : {of_login(options), more})
      for (const auto& [name, value] : settings) TRY(set(*conf, name, value));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_log_cb(conf.get(), nullptr);
    rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int error, const char* why, void* client) {
      static_cast<Client*>(client)->trouble_ = error_of("connect", static_cast<rd_kafka_resp_err_t>(error), why);
    });
    if (type == RD_KAFKA_PRODUCER)
      rd_kafka_conf_set_dr_msg_cb(conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* client) {
        static_cast<Client*>(client)->delivered(*message);
      });
    std::array<char, text_max> why{};
    kafka_ = rd_kafka_new(type, conf.get(), why.data(), why.size());
    if (kafka_ == nullptr) return fail(Code::invalid, std::string("kafka: ") + why.data());
    static_cast<void>(conf.release());  // it is the client's now
    return {};
  }

  rd_kafka_t* get() const { return kafka_; }

  uint64_t acknowledged() const { return acknowledged_; }
  const std::optional<Error>& trouble() const { return trouble_; }  // now
  const std::optional<Error>& broken() const { return broken_; }  // for good
  void works() { trouble_.reset(); }

 private:
  static Settings of_login(const KafkaOptions& options) {
    const bool sasl = !options.login.user.empty();
    Settings settings = {{"bootstrap.servers", options.servers},
                         {"client.id", options.name},
                         {"security.protocol", std::string(sasl ? "sasl_" : "") + (options.tls ? "ssl" : "plaintext")},
                         {"message.max.bytes", std::to_string(2 * message_bytes_max)},
                         {"socket.timeout.ms", "10000"},  // also of what waits for a broker that is away
                         {"reconnect.backoff.max.ms", "1000"}};
    if (sasl) {
      settings.emplace_back("sasl.mechanism", options.sasl_mechanism);
      settings.emplace_back("sasl.username", options.login.user);
      settings.emplace_back("sasl.password", options.login.password);
    }
    if (options.tls && !options.login.ca_file.empty()) settings.emplace_back("ssl.ca.location", options.login.ca_file);
    return settings;
  }

  static Result<void> set(rd_kafka_conf_t& conf, const char* name, const std::string& value) {
    std::array<char, text_max> why{};
    if (rd_kafka_conf_set(&conf, name, value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK) return {};
    return fail(Code::invalid, std::string("kafka: ") + name + ": " + why.data());
  }

  // Idempotent, gapless and in one line: they are acknowledged in the order in which they were sent, up to the first that is not.
  void delivered(const rd_kafka_message_t& message) {
    if (broken_) return;
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      broken_ = error_of("send", message.err);
    } else if (message.offset <= last_place_) {
      broken_ = Error{Code::conflict, "kafka: the topic was made anew while it was written"};
    } else {
      last_place_ = message.offset;
      ++acknowledged_;
      trouble_.reset();
    }
    // The same call again would not help.
    if (broken_ && (broken_->code == Code::unavailable || broken_->code == Code::overloaded))
      broken_->code = Code::conflict;
  }

  rd_kafka_t* kafka_ = nullptr;
  uint64_t acknowledged_ = 0;
  int64_t last_place_ = -1;
  std::optional<Error> trouble_;
  std::optional<Error> broken_;
};

class KafkaOutbox final : public Outbox {
 public:
  KafkaOutbox(std::unique_ptr<Client> client, Line line) : client_(std::move(client)), line_(std::move(line)) {}

  Result<void> send(std::string_view key, Bytes bytes) override {
    if (client_->broken()) return std::unexpected(*client_->broken());
    if (bytes.size() > message_bytes_max)
      return fail(Code::invalid, "kafka: a message of " + std::to_string(bytes.size()) + " bytes is too large");
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        client_->get(), RD_KAFKA_V_TOPIC(line_.topic.c_str()),
        RD_KAFKA_V_PARTITION(static_cast<int32_t>(line_.partition)), RD_KAFKA_V_KEY(key.data(), key.size()),
        RD_KAFKA_V_VALUE(const_cast<std::byte*>(bytes.data()), bytes.size()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(error_of("send to " + text_of(line_), error));
    return {};
  }

  Result<uint64_t> acknowledged(uint64_t known, std::chrono::milliseconds at_most) override {
    if (client_->acknowledged() <= known) rd_kafka_poll(client_->get(), static_cast<int>(at_most.count()));
    if (client_->acknowledged() > known) return client_->acknowledged();
    if (client_->broken()) return std::unexpected(*client_->broken());
    // Where nothing waits nobody would see that what was wrong is over.
    if (client_->trouble() && rd_kafka_outq_len(client_->get()) > 0) return std::unexpected(*client_->trouble());
    return known;
  }

 private:
  const std::unique_ptr<Client> client_;
  const Line line_;
};

class KafkaInbox final : public Inbox {
 public:
  KafkaInbox(std::unique_ptr<Client> client, Line line) : client_(std::move(client)), line_(std::move(line)) {}

  Result<void> open() {
    rd_kafka_poll_set_consumer(client_->get());
    queue_.reset(rd_kafka_queue_get_consumer(client_->get()));
    TRY_LET(const Places kept, places());
    return seek(kept.end);
  }

  Result<std::vector<Message>> receive(std::chrono::milliseconds at_most) override {
    std::vector<Message> come;
    size_t bytes = 0;
    Held<rd_kafka_message_t> first(rd_kafka_consumer_poll(client_->get(), static_cast<int>(at_most.count())));
    if (first) TRY(take(*first, come, bytes));
    while (!come.empty() && bytes < inbox_bytes_max) {
      std::array<rd_kafka_message_t*, batch_max> more{};
      const ssize_t count = rd_kafka_consume_batch_queue(queue_.get(), 0, more.data(), more.size());
      if (count <= 0) break;
      Result<void> taken;
      for (ssize_t i = 0; i < count; ++i) {
        const Held<rd_kafka_message_t> message(more[static_cast<size_t>(i)]);
        if (taken) taken = take(*message, come, bytes);
      }
      TRY(taken);
    }
    if (come.empty() && client_->trouble()) {
      TRY(places());  // it may be over, and nothing new to show it
      client_->works();
    }
    return come;
  }

  Result<Places> places() override {
    TRY_LET(const uint64_t begin, place_at(RD_KAFKA_OFFSET_BEGINNING));
    TRY_LET(const uint64_t end, place_at(RD_KAFKA_OFFSET_END));
    return Places{.begin = begin, .end = std::max(begin, end)};
  }

  Result<void> seek(uint64_t place) override {
    TRY_LET(const Places kept, places());
    if (place < kept.begin || place > kept.end)
      return fail(Code::invalid, "kafka: " + text_of(line_) + " has the places " + std::to_string(kept.begin) + " … " +
                                     std::to_string(kept.end) + ", not " + std::to_string(place));
    const Held<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), line_.topic.c_str(), static_cast<int32_t>(line_.partition))->offset =
        static_cast<int64_t>(place);
    const auto error = rd_kafka_assign(client_->get(), list.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(error_of("seek in " + text_of(line_), error));
    next_ = place;
    return {};
  }

 private:
  // By ListOffsets' own marks in place of a time: rd_kafka_query_watermark_offsets() waits without end where a broker dies meanwhile.
  Result<uint64_t> place_at(int64_t mark) {
    const Held<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), line_.topic.c_str(), static_cast<int32_t>(line_.partition))->offset =
        mark;
    auto error = rd_kafka_offsets_for_times(client_->get(), list.get(), answer_ms_max);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = list->elems[0].err;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(error_of("places of " + text_of(line_), error));
    return static_cast<uint64_t>(list->elems[0].offset);
  }

  // What was fetched before a seek may still come behind it.
  Result<void> take(const rd_kafka_message_t& message, std::vector<Message>& into, size_t& bytes) {
    // We are in no group; whether we might be is of no interest.
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF || message.err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
      return {};
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(
          error_of("receive from " + text_of(line_), message.err, static_cast<const char*>(message.payload)));
    client_->works();
    const auto place = static_cast<uint64_t>(message.offset);
    if (place < next_) return {};
    next_ = place + 1;
    into.push_back({.place = place,
                    .key = std::string(static_cast<const char*>(message.key), message.key_len),
                    .bytes = std::string(static_cast<const char*>(message.payload), message.len)});
    bytes += message.len + message.key_len;
    return {};
  }

  const std::unique_ptr<Client> client_;
  const Line line_;
  Held<rd_kafka_queue_t> queue_;
  uint64_t next_ = 0;
};

class KafkaBroker final : public Broker {
 public:
  explicit KafkaBroker(const KafkaOptions& options) : options_(options) {}

  bool keeps() const override { return true; }

  Result<std::unique_ptr<Outbox>> send_to(const Line& line) override {
    TRY_LET(auto client,
            connect(RD_KAFKA_PRODUCER, {{"enable.idempotence", "true"},
                                        {"enable.gapless.guarantee", "true"},
                                        {"acks", "all"},
                                        {"linger.ms", "1"},
                                        {"compression.type", "lz4"},
                                        {"message.timeout.ms", "0"},  // it is tried again without end
                                        {"queue.buffering.max.messages", std::to_string(outbox_messages_max)},
                                        {"queue.buffering.max.kbytes", std::to_string(outbox_bytes_max >> 10U)}}));
    return std::make_unique<KafkaOutbox>(std::move(client), line);
  }

  Result<std::unique_ptr<Inbox>> receive_from(const Line& line) override {
    TRY_LET(auto client,
            connect(RD_KAFKA_CONSUMER, {{"group.id", options_.name},  // asked for; places are the caller's
                                        {"enable.auto.commit", "false"},
                                        {"enable.auto.offset.store", "false"},
                                        {"auto.offset.reset", "error"},
                                        {"max.poll.interval.ms", "86400000"},
                                        {"fetch.error.backoff.ms", "100"},
                                        {"queued.max.messages.kbytes", std::to_string(inbox_bytes_max >> 10U)}}));
    auto inbox = std::make_unique<KafkaInbox>(std::move(client), line);
    TRY(inbox->open());
    return inbox;
  }

  Result<void> make(const Line& line) override {
    TRY_LET(const auto client, connect(RD_KAFKA_PRODUCER, {}));
    TRY_LET(const int partitions, partitions_of(*client, line));
    if (partitions == 0) return create(*client, line);
    if (std::cmp_less(line.partition, partitions)) return {};
    return fail(Code::not_found, "kafka: the topic " + line.topic + " has " + std::to_string(partitions) +
                                     " partitions, number " + std::to_string(line.partition) + " is none of them");
  }

 private:
  Result<std::unique_ptr<Client>> connect(rd_kafka_type_t type, const Settings& settings) const {
    auto client = std::make_unique<Client>();
    TRY(client->open(type, options_, settings));
    return client;
  }

  // 0: there is no such topic.
  static Result<int> partitions_of(const Client& client, const Line& line) {
    struct Release {
      rd_kafka_topic_t* topic;
      ~Release() { rd_kafka_topic_destroy(topic); }
    } const named{rd_kafka_topic_new(client.get(), line.topic.c_str(), nullptr)};
    const rd_kafka_metadata_t* found = nullptr;
    const auto error = rd_kafka_metadata(client.get(), 0, named.topic, &found, answer_ms_max);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_poll(client.get(), 0);
      if (client.trouble()) return std::unexpected(*client.trouble());
      return std::unexpected(error_of("topic " + line.topic, error));
    }
    const Held<const rd_kafka_metadata_t> metadata(found);
    if (metadata->topic_cnt != 1 || metadata->topics[0].err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return 0;
    if (metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(error_of("topic " + line.topic, metadata->topics[0].err));
    return metadata->topics[0].partition_cnt;
  }

  // With the replication that is the cluster's own.
  static Result<void> create(const Client& client, const Line& line) {
    std::array<char, text_max> why{};
    const Held<rd_kafka_NewTopic_t> topic(
        rd_kafka_NewTopic_new(line.topic.c_str(), static_cast<int>(line.partition) + 1, -1, why.data(), why.size()));
    if (!topic) return fail(Code::invalid, "kafka: topic " + line.topic + ": " + why.data());
    if (const auto error = rd_kafka_NewTopic_set_config(topic.get(), "max.message.bytes",
                                                        std::to_string(2 * message_bytes_max).c_str());
        error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(error_of("make " + line.topic, error));
    const Held<rd_kafka_queue_t> answers(rd_kafka_queue_new(client.get()));
    rd_kafka_NewTopic_t* one = topic.get();
    rd_kafka_CreateTopics(client.get(), &one, 1, nullptr, answers.get());
    const Held<rd_kafka_event_t> answer(rd_kafka_queue_poll(answers.get(), answer_ms_max));
    if (!answer) return fail(Code::unavailable, "kafka: topic " + line.topic + ": no answer to its creation");
    if (const auto error = rd_kafka_event_error(answer.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
      return std::unexpected(error_of("make " + line.topic, error, rd_kafka_event_error_string(answer.get())));
    size_t count = 0;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
    const auto error = count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return {};
    return std::unexpected(error_of("make " + line.topic, error));
  }

  const KafkaOptions options_;
};

Result<std::unique_ptr<Broker>> open(const KafkaOptions& options) {
  if (options.servers.empty()) return fail(Code::invalid, "kafka: no server is named");
  return std::make_unique<KafkaBroker>(options);
}

}  // namespace

extern "C" const Kafka waybill_broker_kafka{.open = &open};

}  // namespace waybill::broker

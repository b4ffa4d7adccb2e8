#include "broker/mqtt/connection.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace waybill::broker {
namespace {

constexpr int keepalive_s = 20;
constexpr int messages_under_way_max = 200;
constexpr int packets_a_round_max = 1000;
constexpr int answer_ms_max = 5000;  // of a server, to a connection
constexpr int look_ms = 250;  // keepalive is looked after so often
constexpr std::chrono::milliseconds again_first{50};
constexpr std::chrono::milliseconds again_max{2000};
constexpr const char* authorities = "/etc/ssl/certs/ca-certificates.crt";

// One library, one initialisation; it is never taken back, clients may be anywhere.
void begin_library() {
  static const int once = mosquitto_lib_init();
  static_cast<void>(once);
}

bool says_denied(int reason, bool version_5) {
  if (!version_5) return reason == 4 || reason == 5;  // of CONNACK: user or password, not authorized
  return reason == MQTT_RC_NOT_AUTHORIZED || reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD || reason == MQTT_RC_BANNED;
}

Connection& of(void* self) { return *static_cast<Connection*>(self); }

}  // namespace

Connection::Connection(const MqttOptions& options, std::string client_id, const Session& session)
    : options_(options), client_id_(std::move(client_id)), session_(session) {}

Connection::~Connection() {
  stop();
  if (client_ != nullptr) mosquitto_destroy(client_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

Result<void> Connection::start() {
  begin_library();
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return fail(Code::unavailable, "mqtt: no event descriptor");
  client_ = mosquitto_new(client_id_.c_str(), session_.kept.count() == 0, this);
  if (client_ == nullptr) return fail(Code::invalid, "mqtt: the client id " + client_id_ + " is refused");
  TRY(configure());
  set_callbacks();
  thread_ = std::jthread([this](const std::stop_token& asked) { run(asked); });
  return {};
}

void Connection::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wake();
  changed_.notify_all();
  thread_.join();
}

void Connection::wake() const {
  const uint64_t one = 1;
  static_cast<void>(::write(wake_fd_, &one, sizeof one));  // when it is full, it is awake
}

Result<void> Connection::configure() {
  const auto took = [](int error, const std::string& what) -> Result<void> {
    if (error == MOSQ_ERR_SUCCESS) return {};
    return fail(Code::invalid, "mqtt: " + what + ": " + mosquitto_strerror(error));
  };
  TRY(took(mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION,
                                options_.version_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311),
           "version"));
  TRY(took(mosquitto_max_inflight_messages_set(client_, messages_under_way_max), "messages under way"));
  TRY(took(mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1), "TCP_NODELAY"));
  if (session_.unacknowledged_max > 0)
    TRY(took(mosquitto_int_option(client_, MOSQ_OPT_RECEIVE_MAXIMUM, session_.unacknowledged_max),
             "messages without an acknowledgement"));
  // A client of several threads leaves all sending to the one that asks it to.
  if (session_.answers == Session::Answers::when_asked)
    TRY(took(mosquitto_threaded_set(client_, true), "answers when asked"));
  if (!options_.login.user.empty())
    TRY(took(mosquitto_username_pw_set(client_, options_.login.user.c_str(), options_.login.password.c_str()),
             "user and password"));
  if (options_.tls) {
    const std::string& ca_file = options_.login.ca_file;
    TRY(took(
        mosquitto_tls_set(client_, ca_file.empty() ? authorities : ca_file.c_str(), nullptr, nullptr, nullptr, nullptr),
        "TLS, " + (ca_file.empty() ? authorities : ca_file)));
  }
  return {};
}

void Connection::set_callbacks() {
  mosquitto_connect_v5_callback_set(
      client_, [](mosquitto*, void* self, int reason, int, const mosquitto_property*) { of(self).answered(reason); });
  mosquitto_publish_v5_callback_set(client_, [](mosquitto*, void* self, int number, int reason,
                                                const mosquitto_property*) { of(self).published(number, reason); });
  mosquitto_message_v5_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message,
                                                const mosquitto_property*) { of(self).came(*message); });
  mosquitto_subscribe_v5_callback_set(
      client_, [](mosquitto*, void* self, int, int count, const int* granted, const mosquitto_property*) {
        of(self).subscribed(std::span(granted, static_cast<size_t>(count)));
      });
}

void Connection::answered(int reason) {
  if (reason == 0) {
    connected_ = true;
    trouble_.reset();
    connected();
  } else {
    const std::string why = options_.version_5 ? mosquitto_reason_string(reason) : mosquitto_connack_string(reason);
    trouble_ = Error{says_denied(reason, options_.version_5) ? Code::denied : Code::unavailable,
                     "mqtt, " + options_.host + ':' + std::to_string(options_.port) + ": " + why};
  }
  changed_.notify_all();
}

void Connection::lost(const std::string& why) {
  connected_ = false;
  // What the server said when it refused us tells more than that it then hung up.
  if (!trouble_ || trouble_->code != Code::denied)
    trouble_ = Error{Code::unavailable, "mqtt, " + options_.host + ':' + std::to_string(options_.port) + ": " + why};
  disconnected();
  changed_.notify_all();
}

// libmosquitto waits for a connection as long as the system does, which is minutes where nobody answers, and nothing ends that. So it
// is asked to connect only where somebody answers.
bool Connection::is_there(const std::stop_token& stop) const {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(options_.host.c_str(), std::to_string(options_.port).c_str(), &wanted, &found) != 0) return false;
  bool answers = false;
  for (const addrinfo* at = found; at != nullptr && !answers && !stop.stop_requested(); at = at->ai_next) {
    const int socket = ::socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol);
    if (socket < 0) continue;
    std::array<pollfd, 2> waited{pollfd{.fd = socket, .events = POLLOUT, .revents = 0},
                                 pollfd{.fd = wake_fd_, .events = POLLIN, .revents = 0}};
    int error = 0;
    socklen_t length = sizeof error;
    if (::connect(socket, at->ai_addr, at->ai_addrlen) == 0) {
      answers = true;
    } else if (errno == EINPROGRESS && ::poll(waited.data(), waited.size(), answer_ms_max) > 0 &&
               (waited[0].revents & POLLOUT) != 0) {
      answers = ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
    }
    ::close(socket);
  }
  ::freeaddrinfo(found);
  return answers;
}

bool Connection::connect(const std::stop_token& stop) {
  if (!is_there(stop)) {
    const auto held = lock();
    lost("cannot be connected to");
    return false;
  }
  if (session_.kept.count() == 0) {
    mosquitto_reinitialise(client_, client_id_.c_str(), true, this);
    static_cast<void>(configure());  // it took the same before
    set_callbacks();
  }
  mosquitto_property* properties = nullptr;
  if (options_.version_5 && session_.kept.count() > 0)
    mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                 static_cast<uint32_t>(session_.kept.count()));
  const int error =
      mosquitto_connect_bind_v5(client_, options_.host.c_str(), options_.port, keepalive_s, nullptr, properties);
  mosquitto_property_free_all(&properties);
  const auto held = lock();
  if (error == MOSQ_ERR_SUCCESS) return true;
  lost(error == MOSQ_ERR_ERRNO ? "cannot be connected to" : mosquitto_strerror(error));
  return false;
}

bool Connection::wants_to_write() const { return (may_write() || !connected_) && mosquitto_want_write(client_); }

// In order: the server hears that we go, and whatever may still be said before.
void Connection::take_leave() {
  if (!connected_ || !may_write()) return;
  mosquitto_disconnect(client_);
  if (mosquitto_want_write(client_)) mosquitto_loop_write(client_, 1);
}

// The library reads a packet a call. Nobody sees the state before all that has come is in it, so what came together is a group.
int Connection::read_what_is_there() {
  for (int packets = 0; packets < packets_a_round_max; ++packets) {
    if (const int error = mosquitto_loop_read(client_, 1); error != MOSQ_ERR_SUCCESS) return error;
    pollfd more{.fd = mosquitto_socket(client_), .events = POLLIN, .revents = 0};
    if (!may_read() || ::poll(&more, 1, 0) <= 0) break;
  }
  return MOSQ_ERR_SUCCESS;
}

// One round; the lock is free only while it waits.
int Connection::talk() {
  const int socket = mosquitto_socket(client_);
  if (socket < 0) return MOSQ_ERR_CONN_LOST;
  short wanted = 0;
  {
    const auto held = lock();
    wanted = static_cast<short>((may_read() ? POLLIN : 0) | (wants_to_write() ? POLLOUT : 0));
  }
  std::array<pollfd, 2> waited{pollfd{.fd = socket, .events = wanted, .revents = 0},
                               pollfd{.fd = wake_fd_, .events = POLLIN, .revents = 0}};
  static_cast<void>(::poll(waited.data(), waited.size(), look_ms));
  uint64_t woken = 0;
  static_cast<void>(::read(wake_fd_, &woken, sizeof woken));
  const auto held = lock();
  if ((waited[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
    if (const int error = read_what_is_there(); error != MOSQ_ERR_SUCCESS) return error;
  if (connected_) turn();
  if (wants_to_write())
    if (const int error = mosquitto_loop_write(client_, 1); error != MOSQ_ERR_SUCCESS) return error;
  return mosquitto_loop_misc(client_);
}

void Connection::run(const std::stop_token& stop) {
  auto again = again_first;
  while (!stop.stop_requested()) {
    if (connect(stop)) {
      int error = MOSQ_ERR_SUCCESS;
      while (error == MOSQ_ERR_SUCCESS && !stop.stop_requested()) error = talk();
      auto held = lock();
      if (connected_) again = again_first;
      if (stop.stop_requested()) {
        take_leave();
        return;
      }
      lost(std::string("the connection is gone: ") + mosquitto_strerror(error));
    }
    auto held = lock();
    changed_.wait_for(held, stop, again, [] { return false; });
    again = std::min(again * 2, again_max);
  }
}

}  // namespace waybill::broker

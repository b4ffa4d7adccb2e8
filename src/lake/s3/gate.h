// lake/s3/gate.h — a way to a real server, for tests, on which requests are cut and answers get lost, replaced or slow.
#pragma once

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <vector>

#include "base/pause.h"
#include "lake/s3/loopback.h"

namespace waybill::lake {

// What becomes of one request that goes through a Gate.
struct Fault {
  size_t pass_up = SIZE_MAX;  // so many bytes of it reach the server, then both connections are cut
  enum class Answer { passed, lost, replaced, slow } answer = Answer::passed;  // lost: cut when it has begun to come
  std::string instead{};  // of what is replaced
  size_t bytes_per_second = 0;  // of what is slow
};

// A way to a server on this machine on which the next requests meet the faults that are waiting, one each.
class Gate {
 public:
  explicit Gate(const std::string& endpoint)
      : port_(static_cast<uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1)))) {}

  std::string url() const { return listener_.url(); }
  void next(Fault fault, size_t times = 1) {
    std::lock_guard lock(mutex_);
    faults_.insert(faults_.end(), times, fault);
  }
  size_t waiting() const {
    std::lock_guard lock(mutex_);
    return faults_.size();
  }

 private:
  Fault take() {
    std::lock_guard lock(mutex_);
    if (faults_.empty()) return {};
    const Fault fault = faults_.front();
    faults_.erase(faults_.begin());
    return fault;
  }

  void pass(const Socket& client, const std::stop_token& stop) {
    const Socket server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback_address(port_);
    if (::connect(server.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return;
    Fault fault;
    size_t up = 0;
    bool in_request = false;
    while (!stop.stop_requested()) {
      std::array<pollfd, 2> ends{pollfd{.fd = client.fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = server.fd(), .events = POLLIN, .revents = 0}};
      ::poll(ends.data(), ends.size(), 20);
      if (ends[0].revents != 0) {
        std::string sent = client.receive();
        if (sent.empty()) return;
        if (!in_request) {
          fault = take();
          up = 0;
          in_request = true;
        }
        const bool cut = up + sent.size() > fault.pass_up;
        if (cut) sent.resize(fault.pass_up - up);
        up += sent.size();
        if (!server.send(sent) || cut) return;
      }
      if (ends[1].revents != 0) {
        const std::string said = server.receive();
        if (said.empty()) return;
        if (said.starts_with("HTTP/1.1 100")) {
          if (!client.send(said)) return;
          continue;
        }
        in_request = false;
        if (!answer(client, said, fault, stop)) return;
      }
    }
  }

  static bool answer(const Socket& client, const std::string& said, const Fault& fault, const std::stop_token& stop) {
    switch (fault.answer) {
      case Fault::Answer::passed: return client.send(said);
      case Fault::Answer::lost: return false;
      case Fault::Answer::replaced: client.send(fault.instead); return false;
      case Fault::Answer::slow: break;
    }
    const size_t at_once = std::max<size_t>(1, fault.bytes_per_second / 10);
    for (size_t at = 0; at < said.size() && !stop.stop_requested(); at += at_once) {
      if (!client.send(std::string_view(said).substr(at, at_once))) return false;
      pause(std::chrono::milliseconds(100), stop);
    }
    return true;
  }

  const uint16_t port_;
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
  const Listener listener_{[this](const Socket& client, const std::stop_token& stop) { pass(client, stop); }};
};

}  // namespace waybill::lake

// lake/s3/loopback.h — the other end of the wire in tests: who listens there, and what was sent.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace waybill::lake {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }
  std::string receive() const {  // empty: closed
    std::string text(64 << 10, '\0');
    const ssize_t count = ::recv(fd_, text.data(), text.size(), 0);
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }
  bool readable(int ms) const {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, ms) > 0;
  }

 private:
  int fd_;
};

inline sockaddr_in loopback_address(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Hands each connection to a function, on a thread of its own, until it is destroyed.
class Listener {
 public:
  using Serve = std::function<void(const Socket&, const std::stop_token&)>;

  explicit Listener(Serve serve) : serve_(std::move(serve)) {
    sockaddr_in address = loopback_address(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_.fd(), 64), 0);
    ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void accept(const std::stop_token& stop) {
    std::vector<std::jthread> serving;  // stopped and awaited at the end
    while (!stop.stop_requested()) {
      if (!socket_.readable(20)) continue;
      const int fd = ::accept(socket_.fd(), nullptr, nullptr);
      if (fd >= 0)
        serving.emplace_back([this, fd](const std::stop_token& end) {
          const Socket connection(fd);
          serve_(connection, end);
        });
    }
  }

  const Serve serve_;
  const Socket socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  uint16_t port_ = 0;
  std::jthread accepting_;
};

// What of a text stands behind `from` and before `to`.
inline std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t begin = text.find(from);
  if (begin == std::string::npos) return {};
  const size_t end = text.find(to, begin + from.size());
  return text.substr(begin + from.size(), end - begin - from.size());
}

// A request with its body; empty where the connection ended.
inline std::string read_request(const Socket& connection, const std::stop_token& stop) {
  std::string text;
  for (;;) {
    if (const size_t head = text.find("\r\n\r\n"); head != std::string::npos) {
      const std::string length = between(text.substr(0, head + 2), "Content-Length: ", "\r\n");
      if (text.size() >= head + 4 + (length.empty() ? 0 : std::stoull(length))) return text;
    }
    while (!connection.readable(20))
      if (stop.stop_requested()) return {};
    const std::string more = connection.receive();
    if (more.empty()) return {};
    text += more;
  }
}

}  // namespace waybill::lake

#include "serve/connection.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace waybill::serve {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

namespace {

// "127.0.0.1"; an IPv4 address that came in over IPv6 is shown as the former. Empty where the peer is gone already.
std::string address_of(const TcpSocket& socket) {
  ErrorCode error;
  const Tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return {};
  asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

Connection::Connection(Loop& loop, TcpSocket socket, std::unique_ptr<TlsStream> tls)
    : loop_(loop),
      tls_(std::move(tls)),
      address_(address_of(socket)),
      conversation_(loop.shared().router, loop.shared().limits, *this),
      shaking_hands_(tls_ != nullptr),
      began_(now()) {
  ErrorCode error;
  socket_ = socket.release(error);
  CHECK(!error, "nothing waits for a socket that was just accepted");
}

Connection::~Connection() {
  if (socket_ >= 0) (void)::close(socket_);
}

void Connection::begin() {
  if (!loop_.poller().add(socket_, *this)) return close();
  if (tls_)
    when(IoNext::when_readable, reading_, &Connection::shake_hands);
  else
    talk();
}

void Connection::committed(Committed committed) {
  if (closed_) return;
  conversation_.committed(committed);
  pump();
}

void Connection::became_visible() {
  waits_ = false;
  if (closed_) return;
  conversation_.became_visible();
  pump();
}

void Connection::woken() {
  if (closed_) return;
  conversation_.woken();
  pump();
}

void Connection::sweep() {
  if (closed_) return;
  if (shaking_hands_) {
    if (now() - began_ <= loop_.shared().options.handshake_ms_max) return;
    loop_.shared().handshakes_failed.add();
    return close();
  }
  if (lingering_) {
    if (now() - linger_began_ > loop_.shared().options.linger_ms_max) close();
    return;
  }
  conversation_.sweep();
  pump();
}

void Connection::drain() {
  if (closed_) return;
  if (lingering_ || shaking_hands_) return close();
  try_again();  // what is there already counts as asked
  if (closed_) return;
  conversation_.drain();
  pump();
}

void Connection::talk() {
  if (refused) conversation_.refuse(503, "too many connections at once");
  pump();
}

// ---- Connection: the socket

// Who waits for it is told now; who does not finds it in the flags.
void Connection::ready(bool readable, bool writable, bool no_more_will_come) {
  const ConnectionPtr self = shared_from_this();
  readable_ = readable_ || readable;
  writable_ = writable_ || writable;
  no_more_will_come_ = no_more_will_come_ || no_more_will_come;
  try_again();
}

bool Connection::may(IoNext next) const {
  if (next == IoNext::when_writable) return writable_;
  return readable_ || (tls_ && tls_->may_read());
}

void Connection::try_again() {
  for (Wait* wait : {&writing_, &reading_})
    if (!closed_ && wait->then != nullptr && may(wait->until)) (this->*std::exchange(wait->then, nullptr))();
}

// In a turn of its own where the socket is ready already: others of the loop have theirs before.
void Connection::when(IoNext next, Wait& wait, void (Connection::*then)()) {
  wait = {.until = next, .then = then};
  if (may(next)) asio::post(loop_.io(), [self = shared_from_this()] { self->try_again(); });
}

IoStep Connection::read_some(std::span<char> into) {
  if (tls_) {
    const IoStep step = tls_->read(into);
    if (step.next == IoNext::when_readable) readable_ = false;
    if (step.next == IoNext::when_writable) writable_ = false;
    return step;
  }
  const ssize_t count = ::recv(socket_, into.data(), into.size(), 0);
  if (count == 0) return {.next = IoNext::peer_finished};
  if (count < 0 && !would_block()) return {.next = IoNext::failed};
  // What comes from now on is told; the end that was told already is not told again.
  if (count < 0 || (static_cast<size_t>(count) < into.size() && !no_more_will_come_)) readable_ = false;
  if (count < 0) return {.next = IoNext::when_readable};
  return {.next = IoNext::done, .bytes = static_cast<size_t>(count)};
}

IoStep Connection::write_some(std::string_view bytes) {
  if (tls_) {
    const IoStep step = tls_->write(bytes);
    if (step.next == IoNext::when_readable) readable_ = false;
    if (step.next == IoNext::when_writable) writable_ = false;
    return step;
  }
  const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0 && !would_block()) return {.next = IoNext::failed};
  const size_t taken = count < 0 ? 0 : static_cast<size_t>(count);
  if (taken == bytes.size()) return {.next = IoNext::done, .bytes = taken};
  writable_ = false;
  return {.next = IoNext::when_writable, .bytes = taken};
}

void Connection::shake_hands() {
  const IoStep step = tls_->shake_hands();
  switch (step.next) {
    case IoNext::done:
      shaking_hands_ = false;
      conversation_.progressed();  // its idle time begins here
      return talk();
    case IoNext::when_readable:
    case IoNext::when_writable:
      (step.next == IoNext::when_readable ? readable_ : writable_) = false;
      return when(step.next, reading_, &Connection::shake_hands);
    case IoNext::plain_http:
      loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      tls_.reset();
      conversation_.refuse(400, "this port speaks HTTPS: the address begins with https://");
      return pump();
    case IoNext::peer_finished:
    case IoNext::failed:
      // Who came and went without a word only looked whether the port is open.
      if (tls_->heard_something()) loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      return linger();  // an alert may be on its way
  }
}

// Sends what may leave, reads what is wanted, ends what is over.
void Connection::pump() {
  while (conversation_.has_output()) {
    const std::string& output = conversation_.take_output();
    const IoStep step = write_some(output);
    if (step.next == IoNext::failed) return close();
    if (step.next != IoNext::done) {
      unread_bytes_ = output.capacity();
      unread_since_ = now();
      written_ = step.bytes;
      when(step.next, writing_, &Connection::write);
      loop_.keep_unread(*this, unread_bytes_);
      break;
    }
    conversation_.sent();
  }
  if (conversation_.over()) {
    if (conversation_.cut())
      close();
    else
      linger();
  } else if (reading_.then == nullptr && conversation_.wants_input()) {
    when(IoNext::when_readable, reading_, &Connection::read);
  }
}

void Connection::read() {
  if (lingering_) return discard();
  if (!conversation_.wants_input()) return;
  const IoStep step = read_some(conversation_.room());
  switch (step.next) {
    case IoNext::done: conversation_.received(step.bytes); return pump();
    case IoNext::peer_finished: conversation_.peer_finished(); return pump();
    case IoNext::when_readable:
    case IoNext::when_writable: return when(step.next, reading_, &Connection::read);
    case IoNext::plain_http:
    case IoNext::failed: return close();
  }
}

// The rest of an output that the socket did not take at once.
void Connection::write() {
  unread_since_ = now();
  conversation_.progressed();  // the socket took what it had
  const std::string_view output = conversation_.take_output();
  const IoStep step = write_some(output.substr(written_));
  if (step.next == IoNext::failed) return close();
  written_ += step.bytes;
  if (step.next != IoNext::done) return when(step.next, writing_, &Connection::write);
  loop_.forget_unread(std::exchange(unread_bytes_, 0));
  conversation_.sent();
  pump();
}

// A close while bytes are unread would reset the connection, and the client might lose the last reply.
void Connection::linger() {
  if (std::exchange(lingering_, true)) return;
  linger_began_ = now();
  if (tls_) tls_->say_goodbye();
  if (::shutdown(socket_, SHUT_WR) != 0)
    close();
  else
    discard();
}

void Connection::discard() {
  std::array<char, 4096> discarded;  // NOLINT: nobody reads it
  const ssize_t count = ::recv(socket_, discarded.data(), discarded.size(), 0);
  if (count == 0 || (count < 0 && !would_block())) return close();
  if (count < 0) readable_ = false;
  when(IoNext::when_readable, reading_, &Connection::discard);
}

void Connection::cut_slow() {
  conversation_.cut_slow();
  close();
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  if (waker_) waker_->connection = nullptr;
  const ConnectionPtr self = shared_from_this();  // the loop's list may hold the last one
  conversation_.abandon();
  loop_.forget_unread(std::exchange(unread_bytes_, 0));
  loop_.poller().remove(socket_, *this);
  (void)::close(std::exchange(socket_, -1));
  loop_.removed(*this);
}

std::function<void()> Connection::waker() {
  // What lies unsent in the system cannot be replaced by something newer, so it is little. And a viewer that vanished without
  // a word is noticed by what it does not acknowledge.
  const auto tell_system = [fd = socket_](int option, int value) {
    (void)::setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
  };
  tell_system(TCP_NOTSENT_LOWAT, static_cast<int>(Stream::take_bytes_max));
  tell_system(TCP_USER_TIMEOUT, static_cast<int>(loop_.shared().options.write_ms_max.count()));
  waker_ = std::make_shared<Waker>();
  waker_->connection = this;
  return loop_.wake_of(waker_);
}

const LiveMeter& Connection::live_meter(Transport transport) {
  return transport == Transport::sse ? loop_.shared().sse_meter : loop_.shared().websocket_meter;
}

bool Connection::run_in_pool(const Route& route) {
  Shared& shared = loop_.shared();
  // Patient ones are not counted: a herd of viewers that come back takes no place from requests that can be refused.
  if (!route.patient && shared.pool_requests.fetch_add(1) >= shared.options.pool_queue_max) {
    shared.pool_requests.fetch_sub(1);
    return false;
  }
  asio::post(*shared.pool, [self = shared_from_this(), &route, &shared]() mutable {
    Reply reply = run_handler(route, self->conversation_.request());
    if (!route.patient) shared.pool_requests.fetch_sub(1);
    asio::io_context& io = self->loop_.io();
    asio::post(io, [self = std::move(self), reply = std::move(reply)]() mutable {
      if (self->closed_) return;
      self->conversation_.answered(std::move(reply));
      self->pump();
    });
  });
  return true;
}

}  // namespace waybill::serve

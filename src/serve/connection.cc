#include "serve/connection.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

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

}  // namespace

struct Connection::Socket {
  explicit Socket(TcpSocket accepted) : tcp(std::move(accepted)) {}

  TcpSocket tcp;
  std::array<char, 512> discarded{};
};

Connection::Connection(Loop& loop, TcpSocket socket, std::unique_ptr<TlsStream> tls)
    : loop_(loop),
      socket_(std::make_unique<Socket>(std::move(socket))),
      tls_(std::move(tls)),
      address_(address_of(socket_->tcp)),
      conversation_(loop.shared().router, loop.shared().limits, *this),
      shaking_hands_(tls_ != nullptr),
      began_(now()) {}

Connection::~Connection() = default;

void Connection::begin() {
  if (tls_)
    when(TlsNext::when_readable, &Connection::shake_hands);
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
  conversation_.drain();
  pump();
}

void Connection::talk() {
  if (refused) conversation_.refuse(503, "too many connections at once");
  pump();
}

size_t Connection::write_some(std::string_view bytes, ErrorCode& error) {
  if (!tls_) return socket_->tcp.write_some(asio::buffer(bytes), error);
  const TlsStep step = tls_->write(bytes);
  write_waits_for_ = step.next;
  if (step.next == TlsNext::when_readable || step.next == TlsNext::when_writable)
    error = asio::error::would_block;
  else if (step.next != TlsNext::done)
    error = asio::error::connection_reset;
  return step.bytes;
}

// Sends what may leave, reads what is wanted, ends what is over.
void Connection::pump() {
  while (conversation_.has_output()) {
    const std::string& output = conversation_.take_output();
    ErrorCode error;
    const size_t left = write_some(output, error);
    if (error && error != asio::error::would_block) return close();
    if (left < output.size()) {
      unread_bytes_ = output.capacity();
      unread_since_ = now();
      write(left);
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
  } else if (!reading_ && conversation_.wants_input()) {
    read();
  }
}

void Connection::read() {
  reading_ = true;
  if (tls_) {
    if (!tls_->may_read()) return when(TlsNext::when_readable, &Connection::read_tls);
    return asio::post(loop_.io(), [self = shared_from_this()] {
      if (!self->closed_) self->read_tls();
    });
  }
  const std::span<char> room = conversation_.room();
  socket_->tcp.async_read_some(asio::buffer(room.data(), room.size()),
                               [self = shared_from_this()](const ErrorCode& error, size_t bytes) {
                                 self->reading_ = false;
                                 if (self->closed_) return;
                                 if (self->lingering_) return self->discard();
                                 if (!error)
                                   self->conversation_.received(bytes);
                                 else if (error == asio::error::eof)
                                   self->conversation_.peer_finished();
                                 else
                                   return self->close();
                                 self->pump();
                               });
}

void Connection::write(size_t from) {
  if (tls_) {
    written_ = from;
    return when(write_waits_for_, &Connection::write_tls);
  }
  const std::string& output = conversation_.take_output();
  socket_->tcp.async_write_some(asio::buffer(output.data() + from, output.size() - from),
                                [self = shared_from_this(), from](const ErrorCode& error, size_t bytes) {
                                  if (self->closed_) return;
                                  if (error) return self->close();
                                  self->unread_since_ = self->now();
                                  self->conversation_.progressed();
                                  if (from + bytes < self->conversation_.take_output().size())
                                    return self->write(from + bytes);
                                  self->loop_.forget_unread(std::exchange(self->unread_bytes_, 0));
                                  self->conversation_.sent();
                                  self->pump();
                                });
}

// A close while bytes are unread would reset the connection, and the client might lose the last reply.
void Connection::linger() {
  if (std::exchange(lingering_, true)) return;
  linger_began_ = now();
  if (tls_) tls_->say_goodbye();
  ErrorCode error;
  socket_->tcp.shutdown(Tcp::socket::shutdown_send, error);
  if (error)
    close();
  else if (!reading_)
    discard();
}

void Connection::discard() {
  reading_ = true;
  socket_->tcp.async_read_some(asio::buffer(socket_->discarded),
                               [self = shared_from_this()](const ErrorCode& error, size_t) {
                                 self->reading_ = false;
                                 if (self->closed_) return;
                                 if (error)
                                   self->close();
                                 else
                                   self->discard();
                               });
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
  ErrorCode ignored;
  socket_->tcp.close(ignored);
  loop_.removed(*this);
}

std::function<void()> Connection::waker() {
  // What lies unsent in the system cannot be replaced by something newer, so it is little. And a viewer that vanished without
  // a word is noticed by what it does not acknowledge.
  const auto tell_system = [fd = socket_->tcp.native_handle()](int option, int value) {
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

// ---- Connection: what is different with TLS

void Connection::when(TlsNext next, void (Connection::*go_on)()) {
  const auto what = next == TlsNext::when_readable ? Tcp::socket::wait_read : Tcp::socket::wait_write;
  socket_->tcp.async_wait(what, [self = shared_from_this(), go_on](const ErrorCode& error) {
    if (self->closed_) return;
    if (error)
      self->close();
    else
      (*self.*go_on)();
  });
}

void Connection::shake_hands() {
  const TlsNext next = tls_->shake_hands().next;
  switch (next) {
    case TlsNext::done:
      shaking_hands_ = false;
      conversation_.progressed();  // its idle time begins here
      return talk();
    case TlsNext::when_readable:
    case TlsNext::when_writable: return when(next, &Connection::shake_hands);
    case TlsNext::plain_http:
      loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      tls_.reset();
      conversation_.refuse(400, "this port speaks HTTPS: the address begins with https://");
      return pump();
    case TlsNext::peer_finished:
    case TlsNext::failed:
      // Who came and went without a word only looked whether the port is open.
      if (tls_->heard_something()) loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      return linger();  // an alert may be on its way
  }
}

void Connection::read_tls() {
  reading_ = false;
  if (lingering_) return discard();
  const std::span<char> room = conversation_.room();
  const TlsStep step = tls_->read(room);
  switch (step.next) {
    case TlsNext::done: conversation_.received(step.bytes); return pump();
    case TlsNext::peer_finished: conversation_.peer_finished(); return pump();
    case TlsNext::when_readable:
    case TlsNext::when_writable: reading_ = true; return when(step.next, &Connection::read_tls);
    case TlsNext::plain_http:
    case TlsNext::failed: return close();
  }
}

void Connection::write_tls() {
  unread_since_ = now();
  conversation_.progressed();  // the socket took what it had
  const std::string_view output = conversation_.take_output();
  ErrorCode error;
  written_ += write_some(output.substr(written_), error);
  if (error && error != asio::error::would_block) return close();
  if (written_ < output.size()) return write(written_);
  loop_.forget_unread(std::exchange(unread_bytes_, 0));
  conversation_.sent();
  pump();
}

bool Connection::run_in_pool(const Route& route) {
  Shared& shared = loop_.shared();
  if (shared.pool_requests.fetch_add(1) >= shared.options.pool_queue_max && !route.patient) {
    shared.pool_requests.fetch_sub(1);
    return false;
  }
  asio::post(*shared.pool, [self = shared_from_this(), &route, &shared]() mutable {
    Reply reply = run_handler(route, self->conversation_.request());
    shared.pool_requests.fetch_sub(1);
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

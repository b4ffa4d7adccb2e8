// serve/connection.h — one socket of a loop: bytes between it, plain or with TLS, and its conversation.
//
// Threads: those of its loop; only its handler in the pool runs elsewhere.
// Memory:  the loop's list keeps it alive until close(), and what was posted for it.
#pragma once

#include <memory>

#include "serve/asio.h"
#include "serve/conversation.h"
#include "serve/loop.h"
#include "serve/poller.h"
#include "serve/tls.h"

namespace waybill::serve {

class Connection final : public Surroundings, public Polled, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, TcpSocket socket, std::unique_ptr<TlsStream> tls);
  ~Connection() override;

  void begin();
  void committed(Committed committed);
  void became_visible();
  void sweep();
  void drain();
  void woken();  // a stream's turn
  void cut_slow();
  void close();

  size_t unread_bytes() const { return unread_bytes_; }
  Moment unread_since() const { return unread_since_; }

  size_t index = 0;       // in the loop's list
  bool refused = false;   // one of the refusals, not of the connections

  Moment now() const override { return loop_.shared().clock.steady(); }
  std::string_view date() const override { return loop_.date(); }
  uint64_t durable_end() const override { return loop_.shared().durability.durable_end(); }
  uint64_t visible() const override { return loop_.shared().progress.visible(); }
  void hold() override { loop_.hold(shared_from_this()); }
  void wait_visible(uint64_t offset) override {
    waits_ = true;
    waiter_ = loop_.wait_visible(offset, shared_from_this());
  }
  void forget_wait() override {
    if (std::exchange(waits_, false)) loop_.forget_wait(waiter_);
  }
  bool run_in_pool(const Route& route) override;
  bool take_body_bytes(size_t bytes) override { return loop_.take_body_bytes(bytes); }
  void give_body_bytes(size_t bytes) override { loop_.give_body_bytes(bytes); }
  void count(const Route* route, int status, Moment began) override { loop_.count(route, status, began); }
  Door& door() override { return loop_.shared().door; }
  std::string_view address() const override { return address_; }
  std::function<void()> waker() override;
  const LiveMeter& live_meter(Transport transport) override;
  WebSockets& websockets() override { return loop_.websockets(); }
  uint64_t random() override { return loop_.random(); }

 private:
  void talk();
  void pump();
  void read();
  void write();
  void linger();
  void discard();
  void shake_hands();

  // What is to be gone on with when the socket allows it; null: nothing.
  struct Wait {
    IoNext until = IoNext::when_readable;
    void (Connection::*then)() = nullptr;
  };
  void ready(bool readable, bool writable, bool no_more_will_come) override;
  bool may(IoNext next) const;
  void when(IoNext next, Wait& wait, void (Connection::*then)());
  void try_again();
  IoStep read_some(std::span<char> into);
  IoStep write_some(std::string_view bytes);

  Loop& loop_;
  int socket_ = -1;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  const std::string address_;
  Conversation conversation_;
  Loop::Waiters::iterator waiter_;
  WakerPtr waker_;  // where it is a stream's
  Moment linger_began_;
  size_t unread_bytes_ = 0;  // of a reply that is not taken at once
  Moment unread_since_;
  bool waits_ = false;
  Wait reading_;
  Wait writing_;
  bool readable_ = false;  // until a read finds nothing more
  bool writable_ = true;   // until a write finds no room
  bool no_more_will_come_ = false;
  bool lingering_ = false;
  bool closed_ = false;
  bool shaking_hands_;
  Moment began_;
  size_t written_ = 0;  // of the output that write() goes on with
};

}  // namespace waybill::serve

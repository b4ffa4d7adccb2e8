// serve/poller.h — tells the connections of a loop when their sockets have something to read, or room again.
//
// Delivery: once for each change (edge-triggered epoll): who is told reads until there is no more, or remembers it.
// Threads:  the loop's.
// Why:      Asio asks each socket once more before it waits for it: a system call of every request.
#pragma once

#include <array>
#include <memory>

#include "serve/asio.h"

struct epoll_event;

namespace waybill::serve {

class Polled {
 public:
  virtual void ready(bool readable, bool writable, bool no_more_will_come) = 0;

 protected:
  ~Polled() = default;
};

class Poller {
 public:
  explicit Poller(boost::asio::io_context& io);  // from there on; aborts where the system has no descriptor for it
  ~Poller();

  void begin();  // to look
  void end();    // for good, so that the io_context may run out of work

  bool add(int socket, Polled& polled);  // false: the system has no memory for it
  void remove(int socket, Polled& polled);  // nothing more is told to it
  bool look();  // tells who is ready now; false: nobody is

 private:
  void wait();

  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace waybill::serve

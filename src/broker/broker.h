// broker/broker.h — somebody else's server that hands bytes on: lines of messages, each a partition of a topic.
//
// Order:    of one line as one Outbox sent it. After a connection that broke some messages may come again, in their order.
// Delivery: at least once, from acknowledged() on, as far as the broker keeps its word: `keeps()` says what that is worth. A broker
//           that does not keep may lose what it acknowledged, and an Inbox sees what is sent while it is open.
// Places:   a broker that keeps gives each message of a line a number: 0, 1, 2 …; messages can be read again by it. Of one that
//           does not, places() is empty.
// Threads:  a Broker's methods from any; an Outbox and an Inbox belong to one thread at a time, and do not outlive it.
// Failure:  unavailable: it cannot be reached now; adapters connect again by themselves, so the same call may be repeated for ever.
//           denied: it knows us and says no. not_found: it has no such topic. invalid: settings, or a message above its size. What
//           acknowledged() has counted stays counted. After any failure but unavailable and overloaded open a new one.
// Limits:   outbox_messages_max, outbox_bytes_max, inbox_bytes_max, message_bytes_max.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"

namespace waybill::broker {

inline constexpr size_t message_bytes_max = (1 << 20) + (64 << 10);  // a larger one is invalid
inline constexpr size_t outbox_messages_max = 10'000;  // sent and not acknowledged; beyond it send says overloaded
inline constexpr size_t outbox_bytes_max = 32 << 20;  // and so many bytes
inline constexpr size_t inbox_bytes_max = 8 << 20;  // come and not received; beyond it no more is taken from the broker

// A topic's name holds letters, digits, `.`, `_` and `-`.
struct Line {
  std::string topic;
  uint32_t partition = 0;
};

struct Message {
  uint64_t place = 0;  // 0 of a broker that does not keep
  std::string key;  // empty of a broker that has none
  std::string bytes;
};

// The places of a line that can be read: [begin, end).
struct Places {
  uint64_t begin = 0;
  uint64_t end = 0;

  bool empty() const { return begin == end; }
};

class Outbox {
 public:
  virtual ~Outbox() = default;  // what is not acknowledged may or may not come
  // Takes it to be sent behind what it took before. overloaded: wait for acknowledged().
  virtual Result<void> send(std::string_view key, Bytes bytes) = 0;
  // How many of those sent, from the first on, the broker has acknowledged: once it is more than `known`, at the latest when the
  // time is over.
  virtual Result<uint64_t> acknowledged(uint64_t known, std::chrono::milliseconds at_most) = 0;
};

class Inbox {
 public:
  virtual ~Inbox() = default;
  // What has come, about inbox_bytes_max at most; waits for it until the time is over at the latest.
  virtual Result<std::vector<Message>> receive(std::chrono::milliseconds at_most) = 0;
  virtual Result<Places> places() = 0;
  // The next one received has this place, which is one of places() or its end. invalid: it is not.
  virtual Result<void> seek(uint64_t place) = 0;
};

class Broker {
 public:
  virtual ~Broker() = default;
  // Whether what it acknowledged can be read again, whichever process dies.
  virtual bool keeps() const = 0;
  virtual Result<std::unique_ptr<Outbox>> send_to(const Line& line) = 0;
  // From what is sent next on; of a broker that keeps seek() goes back.
  virtual Result<std::unique_ptr<Inbox>> receive_from(const Line& line) = 0;
  // Makes what a line needs where it is missing; what is there stays as it is.
  virtual Result<void> make(const Line& line) = 0;
};

// How the server is reached and who we are to it.
struct Login {
  std::string user;
  std::string password;
  std::string ca_file;  // PEM: whom to trust instead of the system's authorities
};

}  // namespace waybill::broker

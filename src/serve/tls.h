// serve/tls.h — TLS 1.2 and 1.3 on the server's sockets, and the certificate that they show, which changes without a restart.
//
// Threads:  Tls from any thread. A TlsStream belongs to the loop of its connection; a new certificate does not touch it.
// Failure:  not_found, denied (also for a key file that others than its owner may read), invalid (no PEM, an encrypted key, a
//           key that is not the certificate's). After a failed reload what was in use stays in use. The process ignores SIGPIPE.
// Limits:   none of its own; the server's handshake_ms_max ends a handshake.
// Memory:   a stream that waits for its client holds no buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"
#include "base/metrics.h"
#include "base/result.h"

struct ssl_st;

namespace waybill::serve {

// What a stream came to, or what it waits for.
enum class IoNext : uint8_t { done, when_readable, when_writable, peer_finished, plain_http, failed };

struct IoStep {
  IoNext next = IoNext::done;
  size_t bytes = 0;  // taken or given, whatever `next` says
};

// One connection's TLS, over a socket that does not block and that it does not own.
class TlsStream {
 public:
  explicit TlsStream(ssl_st* taken) : ssl_(taken) {}

  IoStep shake_hands();
  IoStep read(std::span<char> into);  // done: at least one byte
  IoStep write(std::string_view bytes);  // what was not taken comes again, unchanged
  bool may_read() const;  // without waiting for the socket
  bool heard_something() const;  // at least a byte came from the other side
  void say_goodbye();  // close_notify, where the socket takes it

 private:
  struct Closer {
    void operator()(ssl_st* ssl) const;
  };
  IoStep after(int result);

  std::unique_ptr<ssl_st, Closer> ssl_;
  bool ended_ = false;  // the next read has to be told without waiting
};

struct TlsOptions {
  std::string certificate;  // PEM file: the server's, then the chain up to its issuer
  std::string key;  // PEM file
};

class Tls {
 public:
  virtual ~Tls() = default;
  virtual std::unique_ptr<TlsStream> stream(int socket) = 0;  // null: no memory
  // Reads both files again. Connections that begin after it get the new certificate.
  virtual Result<void> reload() = 0;
  // The same, where the files are others than the ones in use and have not changed since the last look: whoever replaces
  // them one after the other is not caught between the two. True: there was something new.
  virtual Result<bool> reload_if_changed() = 0;
};

// Metrics: when the certificate ends, and reloads that failed.
Result<std::unique_ptr<Tls>> open_tls(TlsOptions options, Files& files, Clock& clock, Metrics& metrics);

}  // namespace waybill::serve

// serve/websocket.h — a viewer's events as messages of a WebSocket (RFC 6455): Boost.Beast's frames, over memory.
//
// Each event is one text message, {"id":"…","event":"…","data":…}; a heartbeat is a ping. What the viewer sends is answered
// where it is a ping or a close, else thrown away.
// Threads: one WebSockets and its tellers belong to one loop; the functions may be called from any thread.
// Limits:  a message of more than heard_bytes_max ends it with 1009.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/http.h"
#include "serve/teller.h"

namespace waybill::serve {

// Whether the head of a request says so; HTTP/1.0 knows no upgrade, which the request does not tell.
bool asks_for_websocket(const Request& request);
// What is wrong with the handshake of one that does.
std::optional<Reply> bad_handshake(const Request& request);

// What the WebSockets of one loop stand on; outlives them.
class WebSockets {
 public:
  WebSockets();
  ~WebSockets();
  // Of a handshake that is not bad. The first that it says is the reply, 101, with these headers.
  std::unique_ptr<Teller> accept(const Request& request, std::vector<std::pair<std::string, std::string>> headers);

 private:
  struct Context;
  std::unique_ptr<Context> context_;  // when the first one comes
};

}  // namespace waybill::serve

// A stream's talk with its viewer over a WebSocket, without sockets: frames byte for byte. With sockets: live_server_test.cc.
#include "serve/websocket.h"

#include <gtest/gtest.h>

#include "serve/talk.h"

namespace waybill::serve {
namespace {

const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const std::string version = "Sec-WebSocket-Version: 13\r\n";
const std::string upgrade = "Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
const std::string shake = "GET /live HTTP/1.1\r\n" + upgrade + version + key + "\r\n";

// A client's frame, masked as RFC 6455 wants it; the mask of zeros leaves the text as it is.
std::string frame(uint8_t first, const std::string& text) {
  std::string made(1, static_cast<char>(first));
  if (text.size() < 126) {
    made += static_cast<char>(0x80 | text.size());
  } else {
    made += static_cast<char>(0x80 | 126);
    made += static_cast<char>(text.size() >> 8);
    made += static_cast<char>(text.size() & 0xff);
  }
  return made + std::string(4, '\0') + text;
}
std::string told(uint8_t first, const std::string& text) {
  return std::string(1, static_cast<char>(first)) + static_cast<char>(text.size()) + text;
}
std::string closing(uint16_t code) { return {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}; }
constexpr uint8_t text_frame = 0x81, close_frame = 0x88, ping_frame = 0x89, pong_frame = 0x8a;

uint64_t ended(Talk& talk, Ending why) { return talk.websocket_meter.ended[static_cast<size_t>(why)]->value(); }

TEST(WebSocket, is_spoken_where_a_stream_is_asked_for_by_upgrade) {
  Talk talk;
  talk.live->events = {"{\"a\":1}"};
  const std::string said = talk.say(shake);
  EXPECT_TRUE(said.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << said;
  for (const char* line : {"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "\r\nUpgrade: websocket\r\n",
                           "\r\nConnection: upgrade\r\n", "\r\nDate: Thu, 15 Jan 2026 09:00:00 GMT\r\n"})
    EXPECT_NE(said.find(line), std::string::npos) << line << said;
  EXPECT_EQ(said.find("Content-"), std::string::npos) << said;
  EXPECT_EQ(said.find("Sec-WebSocket-Extensions"), std::string::npos) << said;
  EXPECT_TRUE(said.ends_with("\r\n\r\n" + told(text_frame, R"({"id":"id-1","event":"position","data":{"a":1}})")))
      << said;
  EXPECT_EQ(talk.counted, std::vector<int>{101});

  talk.live->events = {"2"};
  talk.live->over = true;
  talk.live->wake();
  talk.serve_all();
  EXPECT_EQ(talk.said,
            told(text_frame, R"({"id":"id-2","event":"position","data":2})") + told(close_frame, closing(1000)));
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_EQ(talk.websocket_meter.events.value(), 2u);
  EXPECT_EQ(ended(talk, Ending::over), 1u);
}

TEST(WebSocket, is_not_spoken_where_the_upgrade_is_none) {
  for (const std::string& head : std::vector<std::string>{
           "GET /plain HTTP/1.1\r\n" + upgrade + version + key,
           "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n",
           "GET /live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n",
           "GET /live HTTP/1.0\r\n" + upgrade + version + key, "HEAD /live HTTP/1.1\r\n" + upgrade + version + key}) {
    Talk talk;
    EXPECT_TRUE(talk.say(head + "\r\n").starts_with("HTTP/1.1 200 OK\r\n")) << head;
  }
  Talk talk;
  const std::string twice = "GET /plain HTTP/1.1\r\n" + upgrade + version + key + "\r\n";
  talk.say(twice + twice);
  EXPECT_EQ(talk.asked.size(), 2u) << "what stands behind an upgrade that did not happen is a request";
}

TEST(WebSocket, refuses_a_handshake_that_is_none_and_begins_nothing) {
  const std::string get = "GET /live HTTP/1.1\r\n" + upgrade;
  for (const auto& [head, field] : std::vector<std::pair<std::string, std::string>>{
           {get + key, "Sec-WebSocket-Version"},
           {get + key + "Sec-WebSocket-Version: 12\r\n", "Sec-WebSocket-Version"},
           {get + key + version + version, "Sec-WebSocket-Version"},
           {get + version, "Sec-WebSocket-Key"},
           {get + version + key + key, "Sec-WebSocket-Key"},
           {get + version + "Sec-WebSocket-Key: short\r\n", "Sec-WebSocket-Key"},
           {get + version + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n", "Sec-WebSocket-Key"}}) {
    Talk talk;
    const std::string said = talk.say(head + "\r\n");
    EXPECT_TRUE(said.starts_with("HTTP/1.1 400 ")) << said;
    EXPECT_NE(said.find("\"field\":\"" + field + '"'), std::string::npos) << said;
    EXPECT_NE(said.find("Sec-WebSocket-Version: 13\r\n"), std::string::npos) << said;
    EXPECT_EQ(talk.live->takes, 0);
  }
}

TEST(WebSocket, answers_pings_and_a_close_and_throws_messages_away) {
  Talk talk;
  talk.say(shake);
  EXPECT_EQ(talk.say(frame(ping_frame, "so")), told(pong_frame, "so"));
  EXPECT_EQ(talk.say(frame(text_frame, std::string(4096, 'x'))), "");
  EXPECT_EQ(talk.say(frame(0x01, "in ") + frame(0x80, "pieces")), "");
  EXPECT_EQ(talk.say(frame(close_frame, closing(1000))), told(close_frame, closing(1000)));
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_EQ(ended(talk, Ending::left), 1u);
}

TEST(WebSocket, ends_one_that_sends_what_it_may_not) {
  for (const auto& [bytes, code] : std::vector<std::pair<std::string, uint16_t>>{
           {frame(text_frame, std::string(4097, 'x')), 1009},
           {frame(0x01, std::string(3000, 'x')) + frame(0x80, std::string(3000, 'x')), 1009},
           {"\x81\x01x", 1002},  // not masked
           {frame(0xf1, "x"), 1002},  // reserved bits
           {"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n", 1002}}) {
    Talk talk;
    talk.say(shake);
    EXPECT_EQ(talk.say(bytes), told(close_frame, closing(code))) << code;
    EXPECT_TRUE(talk.conversation.over());
    EXPECT_EQ(ended(talk, Ending::broken), 1u);
  }
}

TEST(WebSocket, takes_what_came_behind_the_handshake_as_frames_and_never_as_a_request) {
  Talk talk;
  EXPECT_TRUE(talk.say(shake + frame(ping_frame, "early")).ends_with(told(pong_frame, "early")));
  Talk smuggled;
  EXPECT_TRUE(
      smuggled.say(shake + "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").ends_with(told(close_frame, closing(1002))));
  EXPECT_EQ(smuggled.asked.size(), 1u);
}

TEST(WebSocket, pings_when_nothing_is_said_and_says_why_it_ends) {
  Talk talk;
  talk.say(shake);
  talk.time += talk.limits.heartbeat_ms;
  talk.conversation.sweep();
  talk.serve_all();
  EXPECT_EQ(std::exchange(talk.said, {}), told(ping_frame, ""));
  EXPECT_EQ(talk.say(frame(pong_frame, "")), "");
  talk.the_door.holds = false;
  talk.time += talk.limits.heartbeat_ms;
  talk.conversation.sweep();
  talk.serve_all();
  EXPECT_EQ(talk.said, told(close_frame, closing(1008)));
  EXPECT_EQ(ended(talk, Ending::unwelcome), 1u);

  Talk stopped;
  stopped.say(shake);
  stopped.conversation.drain();
  stopped.serve_all();
  EXPECT_EQ(stopped.said, told(close_frame, closing(1001)));
  EXPECT_TRUE(stopped.conversation.over());
}

TEST(WebSocket, takes_nothing_while_its_viewer_does_not) {
  Talk talk;
  talk.say(shake);
  talk.live->events = {"1"};
  talk.live->wake();
  talk.serve_one();
  const size_t pending = talk.conversation.take_output().size();
  const int takes = talk.live->takes;
  for (int i = 0; i < 100; ++i) {
    talk.live->events.assign(1, "\"newest\"");
    talk.live->wake();
    talk.serve_all();
  }
  EXPECT_FALSE(talk.conversation.wants_input()) << "who does not read is not listened to";
  EXPECT_EQ(talk.live->takes, takes);
  EXPECT_EQ(talk.conversation.take_output().size(), pending);
  talk.time += talk.limits.write_ms_max + std::chrono::milliseconds(1);
  talk.conversation.sweep();
  EXPECT_TRUE(talk.conversation.cut());
  EXPECT_EQ(ended(talk, Ending::slow), 1u);
}

}  // namespace
}  // namespace waybill::serve

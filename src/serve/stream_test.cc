// A stream's talk with its viewer, without sockets: as server-sent events, byte for byte. With sockets: live_server_test.cc.
#include "serve/stream.h"

#include <gtest/gtest.h>

#include "serve/talk.h"

namespace waybill::serve {
namespace {

using std::chrono::milliseconds;

const std::string get = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";

uint64_t ended(Talk& talk, Ending why) { return talk.sse_meter.ended[static_cast<size_t>(why)]->value(); }

// Head and body of a reply.
std::pair<std::string, std::string> parted(const std::string& said) {
  const size_t end = said.find("\r\n\r\n");
  return {said.substr(0, end + 4), said.substr(std::min(said.size(), end + 4))};
}

void wake(Talk& talk) {
  talk.live->wake();
  talk.serve_all();
}

TEST(Stream, is_told_as_server_sent_events_in_chunks) {
  Talk talk;
  talk.live->events = {"{\"a\":1}"};
  const auto [head, body] = parted(talk.say(get));
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
  for (const char* line :
       {"\r\nContent-Type: text/event-stream\r\n", "\r\nCache-Control: no-store\r\n", "\r\nX-Accel-Buffering: no\r\n",
        "\r\nTransfer-Encoding: chunked\r\n", "\r\nConnection: close\r\n"})
    EXPECT_NE(head.find(line), std::string::npos) << line << head;
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(body, "35\r\nretry: 1500\n\nid: id-1\nevent: position\ndata: {\"a\":1}\n\n\r\n");

  talk.live->events = {"2"};
  EXPECT_FALSE(talk.serve_one()) << "nothing is told before it was woken";
  wake(talk);
  EXPECT_EQ(std::exchange(talk.said, {}), "22\r\nid: id-2\nevent: position\ndata: 2\n\n\r\n");
  talk.live->over = true;
  wake(talk);
  EXPECT_EQ(talk.said, "0\r\n\r\n");
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_FALSE(talk.live->alive);
  EXPECT_EQ(ended(talk, Ending::over), 1u);
  EXPECT_EQ(talk.sse_meter.events.value(), 2u);
  EXPECT_EQ(talk.sse_meter.viewers.value(), 0);
}

TEST(Stream, ends_with_the_connection_where_the_viewer_speaks_http_1_0) {
  Talk talk;
  talk.live->events = {"1"};
  talk.live->over = true;
  const auto [head, body] = parted(talk.say("GET /live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(head.find("Transfer-Encoding"), std::string::npos) << head;
  EXPECT_NE(head.find("\r\nConnection: close\r\n"), std::string::npos) << head;
  EXPECT_EQ(body, "retry: 1500\n\nid: id-1\nevent: position\ndata: 1\n\n");
  EXPECT_TRUE(talk.conversation.over());
}

TEST(Stream, answers_head_with_the_head_only_and_goes_on) {
  Talk talk;
  talk.live->events = {"1"};
  const auto [head, body] = parted(talk.say("HEAD /live HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_NE(head.find("text/event-stream"), std::string::npos) << head;
  EXPECT_EQ(body, "");
  EXPECT_EQ(talk.live->takes, 0);
  EXPECT_TRUE(talk.say("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 OK"));
}

TEST(Stream, is_the_last_that_a_connection_answers) {
  Talk talk;
  const std::string plain = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n";
  talk.say(plain + get + plain + plain);
  EXPECT_EQ(talk.asked.size(), 2u) << "one before the stream, and the stream";
  talk.say(plain);
  EXPECT_EQ(talk.asked.size(), 2u);
  EXPECT_FALSE(talk.conversation.over()) << "a little more than the request is discarded";
  for (int i = 0; i < 200 && talk.conversation.wants_input(); ++i) talk.say(plain);
  EXPECT_TRUE(talk.conversation.over()) << "not more and more of it";
  EXPECT_EQ(ended(talk, Ending::broken), 1u);
}

TEST(Stream, takes_nothing_while_its_viewer_does_not) {
  Talk talk;
  talk.say(get);
  talk.live->events.assign(3, "1");
  talk.live->wake();
  talk.serve_one();
  ASSERT_TRUE(talk.conversation.has_output());
  talk.conversation.take_output();  // the socket is full
  const int takes = talk.live->takes;
  const size_t pending = talk.conversation.take_output().size();
  for (int i = 0; i < 1000; ++i) {
    talk.live->events.assign(1, "newest");
    talk.live->wake();
    talk.serve_all();
  }
  EXPECT_EQ(talk.live->takes, takes) << "what is told next is the newest then";
  EXPECT_EQ(talk.conversation.take_output().size(), pending);
  talk.conversation.sent();
  talk.serve_all();
  EXPECT_NE(talk.said.find("data: newest\n"), std::string::npos);
  EXPECT_EQ(talk.live->takes, takes + 1);
}

TEST(Stream, is_taken_a_bounded_piece_at_a_time) {
  Talk talk;
  talk.live->events.assign(1000, std::string(1000, '1'));
  EXPECT_EQ(talk.offer(get), get.size());
  const size_t piece = talk.conversation.take_output().size();
  EXPECT_GE(piece, Stream::take_bytes_max);
  EXPECT_LE(piece, Stream::take_bytes_max + reply_bytes_max);
  talk.conversation.sent();
  EXPECT_FALSE(talk.conversation.has_output()) << "others have their turn first";
  talk.serve_all();
  EXPECT_TRUE(talk.live->events.empty());
  EXPECT_EQ(talk.sse_meter.events.value(), 1000u);
}

TEST(Stream, gives_a_sign_of_life_when_nothing_is_said) {
  Talk talk;
  talk.say(get);
  talk.time += talk.limits.heartbeat_ms - milliseconds(1);
  talk.conversation.sweep();
  talk.serve_all();
  EXPECT_EQ(talk.said, "");
  talk.live->events = {"1"};
  wake(talk);
  talk.said.clear();
  talk.time += milliseconds(1);
  talk.conversation.sweep();
  talk.serve_all();
  EXPECT_EQ(talk.said, "") << "an event is a sign of life";
  talk.time += talk.limits.heartbeat_ms;
  talk.conversation.sweep();
  talk.serve_all();
  EXPECT_EQ(talk.said, "4\r\n: \n\n\r\n");
  talk.time += std::chrono::hours(1);
  talk.conversation.sweep();
  EXPECT_FALSE(talk.conversation.over()) << "neither idle nor a request that takes too long";
}

TEST(Stream, ends_in_order_within_a_heartbeat_of_what_takes_the_right_to_see_it) {
  for (const bool by_door : {true, false}) {
    Talk talk;
    talk.say(get);
    if (by_door)
      talk.the_door.holds = false;
    else
      talk.live->welcome = false;
    for (int second = 0; second < 15; ++second) {
      talk.time += milliseconds(1000);
      talk.live->events = {"1"};  // there is always something to tell
      wake(talk);
      talk.said.clear();
      talk.conversation.sweep();
      talk.serve_all();
    }
    EXPECT_EQ(talk.said, "0\r\n\r\n");
    EXPECT_TRUE(talk.conversation.over());
    EXPECT_FALSE(talk.conversation.cut());
    EXPECT_EQ(ended(talk, Ending::unwelcome), 1u);
  }
}

TEST(Stream, is_asked_of_its_right_also_while_its_viewer_takes_nothing) {
  Talk talk;
  talk.offer(get);
  talk.conversation.take_output();
  talk.the_door.holds = false;
  talk.time += talk.limits.heartbeat_ms;
  talk.conversation.sweep();
  EXPECT_FALSE(talk.live->alive);
  talk.conversation.sent();
  talk.serve_all();
  EXPECT_EQ(talk.said, "0\r\n\r\n");
}

TEST(Stream, is_cut_when_its_viewer_takes_nothing_for_too_long) {
  Talk talk;
  talk.offer(get);
  talk.conversation.take_output();
  talk.time += talk.limits.write_ms_max;
  talk.conversation.progressed();
  talk.time += talk.limits.write_ms_max;
  talk.conversation.sweep();
  EXPECT_FALSE(talk.conversation.cut()) << "it takes slowly";
  talk.time += milliseconds(1);
  talk.conversation.sweep();
  EXPECT_TRUE(talk.conversation.cut());
  EXPECT_EQ(ended(talk, Ending::slow), 1u);
}

TEST(Stream, ends_in_order_when_the_server_stops) {
  Talk talk;
  talk.say(get);
  talk.conversation.drain();
  talk.serve_all();
  EXPECT_EQ(talk.said, "0\r\n\r\n");
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_EQ(ended(talk, Ending::drained), 1u);

  Talk late;
  late.offer("GET /live/held HTTP/1.1\r\nHost: x\r\n\r\n");
  late.conversation.drain();
  late.serve_all();
  EXPECT_TRUE(
      late.said.ends_with("\r\n\r\n"
                          "d\r\nretry: 1500\n\n\r\n0\r\n\r\n"))
      << late.said;
  EXPECT_TRUE(late.conversation.over());
}

TEST(Stream, begins_when_what_its_reply_waits_for_is_durable) {
  for (const Committed committed : {Committed::yes, Committed::no}) {
    Talk talk;
    talk.live->events = {"1"};
    talk.offer("GET /live/held HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.serve_one();  // the pool
    ASSERT_TRUE(talk.held);
    EXPECT_FALSE(talk.live->alive);
    talk.held = false;
    talk.conversation.committed(committed);
    talk.serve_all();
    EXPECT_EQ(talk.live->alive, committed == Committed::yes);
    EXPECT_EQ(talk.said.starts_with("HTTP/1.1 200"), committed == Committed::yes) << talk.said;
    EXPECT_EQ(talk.said.starts_with("HTTP/1.1 503"), committed == Committed::no) << talk.said;
    EXPECT_EQ(talk.conversation.over(), committed == Committed::no);
  }
}

TEST(Stream, waits_behind_writes_before_it_on_the_connection) {
  Talk talk;
  talk.live->events = {"1"};
  talk.offer("POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" + get);
  EXPECT_FALSE(talk.live->alive);
  talk.held = false;
  talk.conversation.committed(Committed::no);
  talk.serve_all();
  EXPECT_TRUE(talk.said.starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(talk.said.ends_with("data: 1\n\n\r\n")) << talk.said;
}

TEST(Stream, is_gone_as_soon_as_its_viewer_is) {
  Talk left;
  left.say(get);
  left.conversation.peer_finished();
  EXPECT_FALSE(left.live->alive);
  left.serve_all();
  EXPECT_TRUE(left.conversation.over());
  EXPECT_EQ(ended(left, Ending::left), 1u);

  Talk gone;
  gone.say(get);
  gone.conversation.abandon();
  EXPECT_FALSE(gone.live->alive);
  EXPECT_EQ(ended(gone, Ending::left), 1u);
  EXPECT_EQ(gone.sse_meter.viewers.value(), 0);
}

TEST(Stream, that_fails_ends_its_own_connection_only) {
  Talk talk;
  talk.live->throws = true;
  const std::string said = talk.say(get);
  EXPECT_TRUE(said.starts_with("HTTP/1.1 200")) << said;
  EXPECT_TRUE(said.ends_with("0\r\n\r\n")) << said;
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_EQ(ended(talk, Ending::broken), 1u);
}

}  // namespace
}  // namespace waybill::serve

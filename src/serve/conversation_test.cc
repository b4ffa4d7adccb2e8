// What a hostile or broken client meets on one connection, without sockets: a clock that is set, a disk that answers when told.
#include "serve/conversation.h"

#include <gtest/gtest.h>

#include "serve/talk.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

const std::string host = "Host: x\r\n";

ConversationLimits small() {
  ConversationLimits limits;
  limits.parser.header_bytes_max = 1000;
  limits.parser.body_bytes_max = 10'000;
  return limits;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// The one reply is a problem of this status that names this field and says what is expected, and the connection ends.
void expect_refused(std::string_view request, int status, std::string_view field) {
  Talk talk(small());
  const std::string said = talk.say(request);
  EXPECT_TRUE(said.starts_with("HTTP/1.1 " + std::to_string(status) + ' ')) << request << "\n-> " << said;
  EXPECT_EQ(count_of(said, "\r\nDate: "), 1u) << said;
  EXPECT_NE(said.find("application/problem+json"), std::string::npos) << said;
  EXPECT_NE(said.find("\"field\":\"" + std::string(field) + '"'), std::string::npos) << request << "\n-> " << said;
  EXPECT_NE(said.find("\"expected\":\""), std::string::npos) << said;
  wire::JsonChecker checker;
  EXPECT_TRUE(checker.check(said.substr(said.find("\r\n\r\n") + 4))) << said;
  EXPECT_TRUE(talk.conversation.over());
  EXPECT_TRUE(talk.asked.empty()) << "a handler was asked";
}

TEST(Conversation, answers_a_request_however_it_is_cut) {
  const std::string request = "POST /held HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello";
  for (size_t cut = 1; cut < request.size(); ++cut) {
    Talk talk;
    EXPECT_EQ(talk.say(request.substr(0, cut)), "");
    EXPECT_TRUE(talk.say(request.substr(cut)).starts_with("HTTP/1.1 200 OK")) << cut;
    EXPECT_EQ(talk.asked.at(0).body, "hello");
  }
}

TEST(Conversation, takes_no_body_from_who_may_not_send_it) {
  Talk talk;
  const std::string head = "POST /shut HTTP/1.1\r\n" + host + "Content-Length: 1000000\r\n";
  EXPECT_TRUE(talk.say(head + "\r\n").starts_with("HTTP/1.1 401 ")) << "the head is enough";
  EXPECT_FALSE(talk.conversation.wants_input());
  EXPECT_TRUE(talk.conversation.over());
  Talk waiting;
  const std::string said = waiting.say(head + "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(said.find("100 Continue"), std::string::npos) << said;
}

TEST(Conversation, goes_on_behind_a_request_that_was_refused_as_a_whole) {
  Talk talk;
  const std::string said =
      talk.say("POST /shut HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nhiGET /plain HTTP/1.1\r\n" + host + "\r\n");
  EXPECT_EQ(count_of(said, "HTTP/1.1 401 "), 1u);
  EXPECT_EQ(count_of(said, "HTTP/1.1 200 "), 1u);
}

TEST(Conversation, refuses_what_two_servers_could_end_at_different_places) {
  const std::string post = "POST /held HTTP/1.1\r\n" + host;
  expect_refused(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding");
  expect_refused(post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, "Content-Length");
  expect_refused(post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "Content-Length");
  expect_refused(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, "Content-Length");
  for (const char* length : {"3, 3", "+3", "-3", "0x3", "3 3", "3;", "", "99999999999999999999999", "1e3"})
    expect_refused(post + "Content-Length: " + length + "\r\n\r\nabc", 400, "Content-Length");
  for (const char* coding :
       {"gzip, chunked", "chunked, identity", "identity", "xchunked", "chunked;q=1", "\"chunked\""})
    expect_refused(post + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n", 501, "Transfer-Encoding");
  expect_refused(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
                 "Transfer-Encoding");
  expect_refused("POST /held HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "Transfer-Encoding");
}

TEST(Conversation, refuses_heads_that_readers_disagree_about) {
  const std::string get = "GET /plain HTTP/1.1\r\n";
  expect_refused(get + host + "A: b\r\n folded\r\n\r\n", 400, "head");
  expect_refused(get + host + "Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400, "head");
  expect_refused(get + host + "A : b\r\n\r\n", 400, "head");
  expect_refused(get + host + ": b\r\n\r\n", 400, "head");
  expect_refused(get + host + "A: b\n\r\n\r\n", 400, "head");
  expect_refused(get + "Host: x\n\n", 400, "head");
  expect_refused(get + host + std::string("A: b\0c\r\n\r\n", 10), 400, "head");
  expect_refused(get + host + "A: b\rc\r\n\r\n", 400, "head");
  expect_refused(get + "\r\n", 400, "Host");
  expect_refused(get + host + host + "\r\n", 400, "Host");
  expect_refused("GET /plain HTTP/2.0\r\n\r\n", 505, "version");
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version");
  expect_refused("GET /plain\r\n\r\n", 400, "target");
  expect_refused("GET  /plain HTTP/1.1\r\n" + host + "\r\n", 400, "target");
  expect_refused("\x16\x03\x01\x02\x01", 400, "method");
}

TEST(Conversation, refuses_bad_chunks) {
  const std::string post = "POST /held HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n";
  for (const char* chunks : {"x\r\n", "-1\r\na", "1 \r\na\r\n", "2\r\nabc\r\n", "1\r\na\n0\r\n\r\n", "0x1\r\na\r\n",
                             "\r\n", "1;\r\na\r\n", "1\na\r\n", "fffffffffffffffff\r\na\r\n"})
    expect_refused(post + chunks + "0\r\n\r\n", 400, "body");
  expect_refused(post + "ffffffffffffffff\r\na\r\n", 413, "body");
  expect_refused(post + "1000\r\n" + std::string(4096, 'a') + "\r\n2000\r\n", 413, "body");
}

TEST(Conversation, takes_chunks_with_extensions_and_trailers) {
  Talk talk(small());
  talk.say("POST /held HTTP/1.1\r\n" + host +
           "Transfer-Encoding: Chunked\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n0002\r\nde\r\n0\r\nHost: evil\r\n\r\n");
  ASSERT_EQ(talk.asked.size(), 1u);
  EXPECT_EQ(talk.asked[0].body, "abcde");
}

TEST(Conversation, refuses_a_body_before_it_is_taken_when_its_length_says_too_much) {
  expect_refused("POST /held HTTP/1.1\r\n" + host + "Content-Length: 100000000\r\n\r\n", 413, "body");
  Talk talk(small());
  const std::string said =
      talk.say("POST /held HTTP/1.1\r\n" + host + "Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(said.starts_with("HTTP/1.1 413")) << "it must not be told to go on";
}

TEST(Conversation, refuses_a_body_that_all_bodies_together_have_no_room_for) {
  Talk talk;
  talk.body_bytes_max = 50'000;
  const std::string head = "POST /held HTTP/1.1\r\n" + host + "Content-Length: 100000\r\n\r\n";
  const std::string said = talk.say(head + std::string(100'000, 'x'));
  EXPECT_TRUE(said.starts_with("HTTP/1.1 503")) << said;
  EXPECT_NE(said.find("Retry-After"), std::string::npos);
  EXPECT_EQ(talk.body_bytes, 0u);
}

TEST(Conversation, refuses_floods_of_fields_and_long_heads) {
  const std::string get = "GET /plain HTTP/1.1\r\n" + host;
  std::string many;
  for (int i = 0; i < 200; ++i) many += "a:\r\n";
  expect_refused(get + many + "\r\n", 431, "head");
  expect_refused(get + "A: " + std::string(2000, 'a') + "\r\n\r\n", 431, "head");
  expect_refused("GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 431, "head");
  expect_refused(std::string(2000, 'A'), 431, "head");
}

TEST(Conversation, knows_no_path_that_only_looks_like_one) {
  for (const char* target : {"/plain/..", "/../plain", "/%2e%2e/plain", "//plain", "/plain%00", "/pl%61in", "plain",
                             "*", "x://y/plain", "/of/a/b", "/of/", "/%2fplain"}) {
    Talk talk;
    const std::string said = talk.say(std::string("GET ") + target + " HTTP/1.1\r\n" + host + "\r\n");
    EXPECT_TRUE(said.starts_with("HTTP/1.1 404")) << target << said;
    EXPECT_TRUE(talk.asked.empty()) << target;
  }
}

TEST(Conversation, takes_a_proxys_form_of_a_target) {
  for (const char* target :
       {"http://evil/plain", "HTTPS://x:1/plain?a=b", "http://x/plain#end", "/plain?http://x/seen"}) {
    Talk talk;
    talk.say(std::string("GET ") + target + " HTTP/1.1\r\n" + host + "\r\n");
    ASSERT_EQ(talk.asked.size(), 1u) << target;
    EXPECT_EQ(talk.asked[0].path, "/plain");
  }
}

TEST(Conversation, answers_good_requests_before_a_bad_one_and_none_behind_it) {
  Talk talk;
  const std::string good = "GET /plain HTTP/1.1\r\n" + host + "\r\n";
  const std::string said = talk.say(good + good + "nonsense\r\n\r\n" + good);
  EXPECT_EQ(count_of(said, "HTTP/1.1 200"), 2u) << said;
  EXPECT_EQ(count_of(said, "HTTP/1.1 400"), 1u) << said;
  EXPECT_EQ(talk.asked.size(), 2u);
  EXPECT_TRUE(talk.conversation.over());
}

TEST(Conversation, answers_thousands_of_requests_in_their_order) {
  Talk talk;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    const std::string length = std::to_string(std::to_string(i).size());
    all += i % 3 == 0 ? "GET /of/" + std::to_string(i) + " HTTP/1.1\r\n" + host + "\r\n"
                      : std::string(i % 3 == 1 ? "POST /held" : "POST /pooled") + " HTTP/1.1\r\n" + host +
                            "Content-Length: " + length + "\r\n\r\n" + std::to_string(i);
  }
  const std::string said = talk.say(all);
  EXPECT_EQ(count_of(said, "HTTP/1.1 200"), 3000u);
  for (size_t i = 0; i < talk.asked.size(); ++i)
    EXPECT_EQ(i % 3 == 0 ? talk.asked[i].path.substr(4) : talk.asked[i].body, std::to_string(i));
}

TEST(Conversation, tells_a_slow_loris_that_its_time_is_over) {
  for (const std::string& half : {std::string("GET /plain HTTP/1.1\r\nHost: x\r\nA: "),
                                  "POST /held HTTP/1.1\r\n" + host + "Content-Length: 100\r\n\r\n"}) {
    Talk talk;
    EXPECT_EQ(talk.say(half), "");
    for (int i = 0; i < 5; ++i) {
      talk.time += talk.limits.request_ms_max / 5;
      EXPECT_EQ(talk.say("a"), "") << "each byte is taken, none buys time";
      talk.conversation.sweep();
    }
    talk.time += std::chrono::milliseconds(1);
    talk.conversation.sweep();
    talk.serve_all();
    EXPECT_TRUE(talk.said.starts_with("HTTP/1.1 408")) << talk.said;
    EXPECT_NE(talk.said.find("\"expected\":\"the whole request within 30000 ms\""), std::string::npos);
    EXPECT_TRUE(talk.conversation.over());
  }
}

TEST(Conversation, refuses_a_read_that_the_store_is_behind_for_but_not_a_viewer) {
  for (const auto& [path, status] : {std::pair{"/seen", "503"}, std::pair{"/live/seen", "200"}}) {
    Talk talk;
    talk.durable = talk.appended = 2;
    talk.offer("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(talk.waits_for, 2u);
    EXPECT_FALSE(talk.conversation.has_output());
    talk.time += talk.limits.read_wait_ms_max + std::chrono::milliseconds(1);
    talk.conversation.sweep();
    talk.serve_all();
    EXPECT_TRUE(talk.said.starts_with("HTTP/1.1 " + std::string(status))) << talk.said;
  }
}

TEST(Conversation, leaves_one_that_asks_nothing_or_takes_nothing) {
  Talk idle;
  idle.time += idle.limits.idle_ms_max + std::chrono::milliseconds(1);
  idle.conversation.sweep();
  EXPECT_TRUE(idle.conversation.cut());

  Talk deaf;
  const std::string get = "GET /plain HTTP/1.1\r\n" + host + "\r\n";
  deaf.offer(get);
  ASSERT_TRUE(deaf.conversation.has_output());
  deaf.conversation.take_output();
  EXPECT_FALSE(deaf.conversation.wants_input()) << "who does not read is not listened to";
  deaf.time += deaf.limits.write_ms_max + std::chrono::milliseconds(1);
  deaf.conversation.sweep();
  EXPECT_TRUE(deaf.conversation.cut());
}

TEST(Conversation, listens_no_more_while_its_answers_pile_up) {
  Talk talk;
  const std::string post = "POST /held HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx";
  std::string all;
  for (int i = 0; i < 1000; ++i) all += post;
  size_t taken = 0;
  while (talk.conversation.wants_input()) taken += talk.offer(std::string_view(all).substr(taken));
  EXPECT_EQ(talk.asked.size(), Conversation::pipeline_max);
  EXPECT_LT(taken, all.size());
}

}  // namespace
}  // namespace waybill::serve

// The S3 adapter against a server that answers exactly what it is told to. Against real ones: s3_live_test.cc.
#include "lake/s3/s3_objects.h"

#include <deque>
#include <mutex>

#include "lake/objects_contract.h"
#include "lake/s3/loopback.h"

namespace waybill::lake {
namespace {

using std::chrono::milliseconds;

const std::string cut;  // an answer that never comes

std::string answer(int status, const std::string& body = "", const std::string& header = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         header + "Connection: close\r\n\r\n" + body;
}

std::string error_answer(int status, const std::string& code, const std::string& more = "") {
  return answer(status, "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>because of " + code +
                            "</Message>" + more + "</Error>");
}

// The same on a connection that stays open for the next request.
const std::string stays_open = "Connection: keep-alive";
std::string kept_open(std::string answer) {
  const std::string closes = "Connection: close";
  return answer.replace(answer.find(closes), closes.size(), stays_open);
}

// Answers in the given order, one a connection unless it is kept open.
class Script {
 public:
  explicit Script(std::deque<std::string> answers) : answers_(std::move(answers)) {}

  std::string url() const { return listener_.url(); }
  // The first lines of what was asked.
  std::vector<std::string> asked() {
    std::vector<std::string> lines;
    for (const std::string& one : requests()) lines.push_back(one.substr(0, one.find(" HTTP/")));
    return lines;
  }
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(const Socket& connection, const std::stop_token& stop) {
    while (answer_one(connection, stop)) continue;
  }

  // Whether the connection stays open.
  bool answer_one(const Socket& connection, const std::stop_token& stop) {
    const std::string request = read_request(connection, stop);
    if (request.empty()) return false;
    std::string next;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (answers_.empty()) {
        ADD_FAILURE() << "nobody expected " << request;
      } else {
        next = answers_.front();
        answers_.pop_front();
      }
    }
    if (next.empty()) return false;
    if (request.starts_with("HEAD")) next.resize(next.find("\r\n\r\n") + 4);
    return connection.send(next) && next.find(stays_open) != std::string::npos;
  }

  std::mutex mutex_;
  std::deque<std::string> answers_;
  std::vector<std::string> requests_;
  Listener listener_{[this](const Socket& connection, const std::stop_token& stop) { serve(connection, stop); }};
};

S3Options options_of(const std::string& url) {
  return {.endpoint = url,
          .bucket = "goods",
          .prefix = "lake",
          .access_key = "AKID",
          .secret_key = "very/secret",
          .retry_wait_first = milliseconds(1),
          .retry_for = milliseconds(10'000)};
}

std::unique_ptr<Objects> opened(const std::string& url) {
  return open_s3_objects(options_of(url), system_files()).value();
}

Result<void> put_new(Objects& objects, const std::string& content = "1") {
  return objects.put("a", as_bytes(content), IfThere::conflict);
}

using Lines = std::vector<std::string>;

TEST(S3Objects, everything_that_a_request_says_is_signed_and_the_secret_is_not_in_it) {
  Script script({answer(200)});
  S3Options options = options_of(script.url() + "/");
  options.session_token = "token of a session";
  const auto objects = open_s3_objects(options, system_files()).value();
  EXPECT_EQ(objects->url(), "s3://goods/lake");
  ASSERT_TRUE(objects->put("date=2026-11-29/a+b", as_bytes("content"), IfThere::conflict));
  const std::string request = script.requests().at(0);
  EXPECT_EQ(script.asked(), Lines{"PUT /goods/lake/date%3D2026-11-29/a%2Bb"});
  EXPECT_NE(request.find("If-None-Match: *"), std::string::npos);
  EXPECT_NE(request.find("x-amz-content-sha256: ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"),
            std::string::npos);
  EXPECT_EQ(between(request, "Credential=AKID/", ",").substr(8), "/us-east-1/s3/aws4_request");
  const std::string headers = between(request, "SignedHeaders=", ",");
  EXPECT_EQ(headers, "content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token");
  EXPECT_EQ(request.find("secret"), std::string::npos);
}

TEST(S3Objects, a_bucket_can_be_a_part_of_the_hosts_name) {
  Script script({answer(404)});
  S3Options options = options_of("http://127.0.0.1");
  options.endpoint = "http://localhost" + script.url().substr(script.url().rfind(':'));
  options.style = S3Options::Style::virtual_host;
  const auto objects = open_s3_objects(options, system_files()).value();
  EXPECT_EQ(content_of(*objects, "a"), "<not_found>");  // curl resolves all of *.localhost to the loopback
  EXPECT_EQ(script.asked(), Lines{"GET /lake/a"});
  EXPECT_TRUE(between(script.requests().at(0), "Host: ", "\r\n").starts_with("goods.localhost:"));
}

TEST(S3Objects, what_the_store_may_mend_is_tried_again) {
  Script script({error_answer(503, "SlowDown"), cut, error_answer(500, "InternalError"), answer(429),
                 error_answer(409, "ConditionalRequestConflict"), error_answer(400, "RequestTimeout"),
                 "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf of it", answer(200, "whole")});
  EXPECT_EQ(content_of(*opened(script.url()), "a"), "whole");
  EXPECT_EQ(script.asked(), Lines(8, "GET /goods/lake/a"));
}

TEST(S3Objects, what_it_will_not_mend_is_told_at_once_with_the_stores_own_words) {
  struct Case {
    std::string said;
    Code code;
    std::string words;
  };
  for (const auto& [said, code, words] : std::vector<Case>{
           {error_answer(403, "SignatureDoesNotMatch"), Code::denied, "403 SignatureDoesNotMatch: because of Sig"},
           {error_answer(404, "NoSuchKey"), Code::not_found, "NoSuchKey"},
           {error_answer(404, "NoSuchBucket"), Code::unavailable, "NoSuchBucket"},
           {error_answer(507, "XMinioStorageFull"), Code::overloaded, "507"},
           {answer(301), Code::unavailable, "301"},
           {error_answer(403, "RequestTimeTooSkewed", "<ServerTime>2026-11-29T00:00:00Z</ServerTime>"),
            Code::unavailable,
            "the clock of this machine differs too much from the store's, which says 2026-11-29T00:00:00Z"}}) {
    Script script({said});
    const auto got = opened(script.url())->get("a");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, code) << words;
    EXPECT_NE(got.error().message.find(words), std::string::npos) << got.error().message;
    EXPECT_EQ(got.error().message.find("secret"), std::string::npos);
  }
}

TEST(S3Objects, tries_end_with_their_time_and_say_what_was_answered_last) {
  for (const auto& [said, code] : {std::pair{error_answer(503, "SlowDown"), Code::overloaded},
                                   std::pair{error_answer(500, "InternalError"), Code::unavailable}}) {
    Script script(std::deque<std::string>(1000, said));
    S3Options options = options_of(script.url());
    options.retry_for = milliseconds(50);
    options.retry_wait_max = milliseconds(10);
    const auto got = open_s3_objects(options, system_files()).value()->get("a");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, code);
    EXPECT_NE(got.error().message.find("tried "), std::string::npos) << got.error().message;
    EXPECT_GT(script.requests().size(), 2u);
  }
}

TEST(S3Objects, a_store_that_is_not_there_is_unavailable) {
  std::string nobody = Script({}).url();
  S3Options options = options_of(nobody);
  options.retry_for = milliseconds(1);
  EXPECT_EQ(open_s3_objects(options, system_files()).value()->get("a").error().code, Code::unavailable);
}

TEST(S3Objects, a_stop_ends_the_tries) {
  Script script({error_answer(503, "SlowDown")});
  std::stop_source stop;
  S3Options options = options_of(script.url());
  options.retry_wait_first = options.retry_wait_max = std::chrono::hours(1);
  options.retry_for = std::chrono::hours(2);
  options.stop = stop.get_token();
  const auto objects = open_s3_objects(options, system_files()).value();
  std::jthread asking([&] { EXPECT_FALSE(objects->get("a")); });
  while (script.requests().empty()) std::this_thread::yield();
  stop.request_stop();
}

TEST(S3Objects, what_is_there_already_is_a_conflict) {
  Script script({error_answer(412, "PreconditionFailed")});
  EXPECT_EQ(put_new(*opened(script.url())).error().code, Code::conflict);
}

TEST(S3Objects, after_a_lost_answer_what_is_there_and_equal_is_ours) {
  for (const std::string& lost : {cut, error_answer(500, "InternalError"), error_answer(503, "SlowDown")}) {
    Script script({lost, error_answer(412, "PreconditionFailed"), answer(200, "1"), answer(206, "1")});
    const auto done = put_new(*opened(script.url()));
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(script.asked(),
              (Lines{"PUT /goods/lake/a", "PUT /goods/lake/a", "HEAD /goods/lake/a", "GET /goods/lake/a"}));
  }
}

TEST(S3Objects, after_an_answer_that_a_used_connection_lost_what_is_there_and_equal_is_ours) {
  Script script(
      {kept_open(answer(200)), cut, error_answer(412, "PreconditionFailed"), answer(200, "1"), answer(206, "1")});
  const auto objects = opened(script.url());
  ASSERT_TRUE(objects->put("before", as_bytes("2"), IfThere::conflict));
  const auto done = put_new(*objects);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(script.asked(), (Lines{"PUT /goods/lake/before", "PUT /goods/lake/a", "PUT /goods/lake/a",
                                   "HEAD /goods/lake/a", "GET /goods/lake/a"}));
}

TEST(S3Objects, after_a_lost_answer_what_is_there_and_different_is_a_conflict) {
  Script other({cut, error_answer(412, "PreconditionFailed"), answer(200, "2"), answer(206, "2")});
  EXPECT_EQ(put_new(*opened(other.url())).error().code, Code::conflict);
  Script longer({cut, error_answer(412, "PreconditionFailed"), answer(200, "12")});
  EXPECT_EQ(put_new(*opened(longer.url())).error().code, Code::conflict);
  Script gone({cut, error_answer(412, "PreconditionFailed"), answer(404)});
  EXPECT_EQ(put_new(*opened(gone.url())).error().code, Code::conflict);
}

TEST(S3Objects, a_try_that_cannot_have_been_taken_leaves_no_doubt) {
  Script script({answer(429), error_answer(412, "PreconditionFailed")});
  EXPECT_EQ(put_new(*opened(script.url())).error().code, Code::conflict);
  EXPECT_EQ(script.requests().size(), 2u);
}

const std::string begun =
    answer(200, "<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>");
const std::string part_taken = answer(200, "", "ETag: \"e&1\"\r\n");
const std::string three_parts = "aaaabbbbc";

std::unique_ptr<Objects> in_parts(const Script& script) {
  S3Options options = options_of(script.url());
  options.part_bytes = 4;
  return open_s3_objects(options, system_files()).value();
}

TEST(S3Objects, what_is_larger_than_a_part_is_put_in_parts) {
  Script script({begun, part_taken, cut, part_taken, part_taken, answer(200, "<CompleteMultipartUploadResult/>")});
  const auto done = put_new(*in_parts(script), three_parts);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(script.asked(),
            (Lines{"POST /goods/lake/a?uploads=", "PUT /goods/lake/a?partNumber=1&uploadId=u%2F1",
                   "PUT /goods/lake/a?partNumber=2&uploadId=u%2F1", "PUT /goods/lake/a?partNumber=2&uploadId=u%2F1",
                   "PUT /goods/lake/a?partNumber=3&uploadId=u%2F1", "POST /goods/lake/a?uploadId=u%2F1"}));
  const auto requests = script.requests();
  EXPECT_TRUE(requests[1].ends_with("\r\n\r\naaaa"));
  EXPECT_TRUE(requests[4].ends_with("\r\n\r\nc"));
  EXPECT_EQ(requests[0].find("If-None-Match"), std::string::npos);
  EXPECT_NE(requests[5].find("If-None-Match: *"), std::string::npos);
  EXPECT_NE(requests[5].find("<Part><PartNumber>3</PartNumber><ETag>&quot;e&amp;1&quot;</ETag></Part></Complete"),
            std::string::npos);
}

TEST(S3Objects, parts_that_come_to_nothing_are_given_up) {
  Script script({begun, part_taken, error_answer(403, "AccessDenied"), answer(204)});
  EXPECT_EQ(put_new(*in_parts(script), three_parts).error().code, Code::denied);
  EXPECT_EQ(script.asked().back(), "DELETE /goods/lake/a?uploadId=u%2F1");
  Script late({begun, part_taken, part_taken, part_taken, error_answer(412, "PreconditionFailed"), answer(204)});
  EXPECT_EQ(put_new(*in_parts(late), three_parts).error().code, Code::conflict);
  EXPECT_EQ(late.asked().back(), "DELETE /goods/lake/a?uploadId=u%2F1");
}

TEST(S3Objects, the_last_step_of_parts_can_fail_behind_a_status_that_says_it_has_not) {
  Script script({begun, part_taken, part_taken, part_taken, error_answer(200, "InternalError"),
                 answer(200, "<CompleteMultipartUploadResult/>")});
  EXPECT_TRUE(put_new(*in_parts(script), three_parts));
}

TEST(S3Objects, parts_that_are_no_more_after_a_lost_answer_are_the_object_where_it_is_equal) {
  for (const std::string& code : {std::string("NoSuchUpload"), std::string("PreconditionFailed")}) {
    Script script({begun, part_taken, part_taken, part_taken, cut,
                   error_answer(code == "NoSuchUpload" ? 404 : 412, code), answer(200, three_parts),
                   answer(206, "aaaa"), answer(206, "bbbb"), answer(206, "c")});
    const auto done = put_new(*in_parts(script), three_parts);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_NE(script.requests().at(8).find("Range: bytes=4-7"), std::string::npos);
  }
  Script other({begun, part_taken, part_taken, part_taken, cut, error_answer(404, "NoSuchUpload"), answer(200, "short"),
                answer(204)});
  EXPECT_EQ(put_new(*in_parts(other), three_parts).error().code, Code::unavailable);
}

std::string page(const std::string& objects, const std::string& next = "") {
  return answer(200, "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>" +
                         std::string(next.empty() ? "false" : "true") + "</IsTruncated>" + objects +
                         (next.empty() ? "" : "<NextContinuationToken>" + next + "</NextContinuationToken>") +
                         "</ListBucketResult>");
}

std::string object(const std::string& key, const std::string& size = "7") {
  return "<Contents><Key>" + key + "</Key><Size>" + size + "</Size></Contents>";
}

TEST(S3Objects, lists_page_by_page_and_only_what_is_an_object_of_ours) {
  Script script({page(object("lake/raw/x=1/a&amp;b") + object("lake/raw/x=1/", "0"), "more+/="),
                 page(object("lake/raw/x=2") + object("elsewhere"))});
  EXPECT_EQ(opened(script.url())->list("raw/x=", "raw/w").value(),
            (std::vector<ObjectInfo>{{.key = "raw/x=1/a&b", .bytes = 7}, {.key = "raw/x=2", .bytes = 7}}));
  EXPECT_EQ(
      script.asked(),
      (Lines{
          "GET /goods?list-type=2&max-keys=1000&prefix=lake%2Fraw%2Fx%3D&start-after=lake%2Fraw%2Fw",
          "GET /goods?continuation-token=more%2B%2F%3D&list-type=2&max-keys=1000&prefix=lake%2Fraw%2Fx%3D&start-after="
          "lake%2Fraw%2Fw"}));
}

TEST(S3Objects, an_answer_that_is_no_list_is_not_taken_for_an_empty_one) {
  for (const std::string& wrong :
       {answer(200, "<html/>"), answer(200), page(object("lake/a", "many")),
        answer(200, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")}) {
    Script script({wrong});
    EXPECT_EQ(opened(script.url())->list("", "").error().code, Code::unavailable);
  }
}

TEST(S3Objects, options_that_make_no_sense_are_refused) {
  const auto refused = [](auto change) {
    S3Options options = options_of("http://127.0.0.1:1");
    change(options);
    const auto objects = open_s3_objects(options, system_files());
    return !objects && objects.error().code == Code::invalid &&
           objects.error().message.find("secret/") == std::string::npos;
  };
  for (const char* endpoint :
       {"", "127.0.0.1:1", "ftp://host", "http://", "http://host/path", "http://me:secret/@host"})
    EXPECT_TRUE(refused([&](S3Options& options) { options.endpoint = endpoint; })) << endpoint;
  for (const char* bucket : {"", "ab", "Goods", "a/b"})
    EXPECT_TRUE(refused([&](S3Options& options) { options.bucket = bucket; })) << bucket;
  for (const char* prefix : {"/a", "a//b", "a b"})
    EXPECT_TRUE(refused([&](S3Options& options) { options.prefix = prefix; })) << prefix;
  EXPECT_TRUE(refused([](S3Options& options) { options.prefix = std::string(s3_prefix_bytes_max + 1, 'a'); }));
  EXPECT_TRUE(refused([](S3Options& options) { options.region.clear(); }));
  EXPECT_TRUE(refused([](S3Options& options) { options.access_key.clear(); }));
  EXPECT_TRUE(refused([](S3Options& options) { options.secret_key.clear(); }));
}

}  // namespace
}  // namespace waybill::lake

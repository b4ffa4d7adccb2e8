// The S3 adapter against a real server, which the environment names: script/test live starts one (tools/services.py). Without
// it there are no tests here, and script/test live fails for want of them.
#include "base/environment.h"
#include "base/random.h"
#include "lake/objects_contract.h"
#include "lake/s3/gate.h"
#include "lake/s3/s3_objects.h"

namespace waybill::lake {
namespace {

std::string variable(const std::string& name) { return environment_variable("WAYBILL_TEST_S3_" + name).value_or(""); }

bool there_is_a_server() { return !variable("ENDPOINT").empty(); }

S3Options options() {
  return {.endpoint = variable("ENDPOINT"),
          .region = variable("REGION"),
          .bucket = variable("BUCKET"),
          .prefix = "test/" + std::to_string(random_seed()),
          .access_key = variable("ACCESS_KEY"),
          .secret_key = variable("SECRET_KEY"),
          .ca_file = variable("CA_FILE")};
}

class S3Ground final : public ObjectsGround {
 public:
  S3Ground() { EXPECT_TRUE(system_files().make_folder(folder_)); }
  ~S3Ground() override { EXPECT_TRUE(remove_with_content(system_files(), folder_)); }
  Result<std::unique_ptr<Objects>> open() override { return open_s3_objects(options_, system_files()); }
  Files& files() override { return system_files(); }
  std::string scratch() override { return join_path(folder_, "scratch"); }

 private:
  const S3Options options_ = options();
  const std::string folder_ = testing::TempDir() + "waybill-s3-" + std::to_string(random_seed());
};

std::vector<MakeObjectsGround> grounds() {
  if (!there_is_a_server()) return {};
  return {[]() -> std::unique_ptr<ObjectsGround> { return std::make_unique<S3Ground>(); }};
}
INSTANTIATE_TEST_SUITE_P(LiveS3, ObjectsContract, testing::ValuesIn(grounds()));

// The parameter is there for the number of tests alone: none without a server.
class LiveS3 : public testing::TestWithParam<int> {
 protected:
  std::unique_ptr<Objects> opened() { return open_s3_objects(options_, system_files()).value(); }
  // What the same prefix holds when nothing stands in the way.
  std::string seen(const std::string& key) {
    S3Options direct = options_;
    direct.endpoint = variable("ENDPOINT");
    return content_of(*open_s3_objects(direct, system_files()).value(), key);
  }

  Gate gate_{variable("ENDPOINT")};
  S3Options options_ = [this] {
    S3Options through = options();
    through.endpoint = gate_.url();
    through.part_bytes = 5 << 20;  // the least that S3 takes
    through.retry_wait_first = std::chrono::milliseconds(10);
    through.retry_wait_max = std::chrono::milliseconds(50);
    return through;
  }();
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveS3);
INSTANTIATE_TEST_SUITE_P(Server, LiveS3, testing::Range(0, there_is_a_server() ? 1 : 0));

class LiveS3Tls : public testing::TestWithParam<int> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveS3Tls);
INSTANTIATE_TEST_SUITE_P(Server, LiveS3Tls, testing::Range(0, variable("CA_FILE").empty() ? 0 : 1));

TEST_P(LiveS3Tls, a_server_that_nobody_vouches_for_is_denied) {
  S3Options strangers = options();
  strangers.ca_file.clear();
  const auto done = open_s3_objects(strangers, system_files()).value()->put("a", as_bytes("1"), IfThere::replace);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::denied) << done.error().message;
}

const std::string small = "content";

std::string large() {
  std::string text(12 << 20, '\0');
  Random random(1);
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

const Fault lost{.answer = Fault::Answer::lost};
const Fault done_but_500{
    .answer = Fault::Answer::replaced,
    .instead = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"};

TEST_P(LiveS3, a_put_that_is_cut_in_its_middle_is_put_again) {
  const auto objects = opened();
  for (const size_t after : {0, 10, 300, 1000, 100'000, 900'000}) {
    const std::string key = "cut" + std::to_string(after), content(1'000'000, 'x');
    gate_.next({.pass_up = after}, 2);
    const auto done = objects->put(key, as_bytes(content), IfThere::conflict);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(gate_.waiting(), 0u);
    EXPECT_TRUE(seen(key) == content);
  }
}

TEST_P(LiveS3, a_put_that_is_always_cut_is_unavailable_and_leaves_nothing) {
  options_.retry_for = std::chrono::milliseconds(200);
  const auto objects = opened();
  gate_.next({.pass_up = 900'000}, 1000);
  EXPECT_EQ(objects->put("a", as_bytes(std::string(1'000'000, 'x')), IfThere::conflict).error().code,
            Code::unavailable);
  EXPECT_EQ(seen("a"), "<not_found>");
}

TEST_P(LiveS3, a_put_that_was_done_although_nobody_said_so_is_done) {
  const auto objects = opened();
  int number = 0;
  for (const Fault& fault : {lost, done_but_500}) {
    const std::string key = "a" + std::to_string(++number);
    gate_.next(fault, 2);
    const auto done = objects->put(key, as_bytes(small), IfThere::conflict);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_EQ(seen(key), small);
    gate_.next(fault);
    EXPECT_EQ(objects->put(key, as_bytes("other"), IfThere::conflict).error().code, Code::conflict);
    EXPECT_EQ(seen(key), small);
    gate_.next(fault);
    EXPECT_TRUE(objects->put(key, as_bytes("other"), IfThere::replace));
    EXPECT_EQ(seen(key), "other");
    gate_.next(fault);
    EXPECT_TRUE(objects->remove(key));
    EXPECT_EQ(seen(key), "<not_found>");
  }
}

TEST_P(LiveS3, a_server_that_asks_for_slowness_gets_it_and_then_the_object) {
  const auto objects = opened();
  const Fault slow_down{.pass_up = SIZE_MAX,
                        .answer = Fault::Answer::replaced,
                        .instead =
                            "HTTP/1.1 503 Slow Down\r\nContent-Length: 38\r\nConnection: close\r\n\r\n"
                            "<Error><Code>SlowDown</Code></Error>\r\n"};
  gate_.next(slow_down, 3);
  EXPECT_TRUE(objects->put("a", as_bytes(small), IfThere::conflict)) << "it had happened, the first time";
  EXPECT_EQ(gate_.waiting(), 0u);
  gate_.next(slow_down, 2);
  EXPECT_EQ(content_of(*objects, "a"), small);
  EXPECT_EQ(objects->list("", "").value().size(), 1u);
}

TEST_P(LiveS3, parts_become_one_object_and_only_where_nothing_is) {
  const auto objects = opened();
  const std::string content = large();
  const std::string path = testing::TempDir() + "waybill-large-" + std::to_string(random_seed());
  ASSERT_TRUE(write_file_atomically(system_files(), path, content));
  const auto done = objects->put_file("x/large", path, IfThere::conflict);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(seen("x/large") == content);
  EXPECT_EQ(objects->list("x/", "").value(), (std::vector<ObjectInfo>{{.key = "x/large", .bytes = content.size()}}));
  EXPECT_EQ(objects->put("x/large", as_bytes(content), IfThere::conflict).error().code, Code::conflict);
  const std::string turned(content.rbegin(), content.rend());
  EXPECT_TRUE(objects->put("x/large", as_bytes(turned), IfThere::replace));
  EXPECT_TRUE(seen("x/large") == turned);
  EXPECT_TRUE(system_files().remove(path));
}

TEST_P(LiveS3, parts_come_through_whatever_request_meets_a_fault) {
  const auto objects = opened();
  const std::string content = large();
  // Begin, three parts, end.
  for (size_t request = 0; request < 5; ++request) {
    for (const Fault& fault : {lost, done_but_500, Fault{.pass_up = 400}}) {
      SCOPED_TRACE(request);
      const std::string key = "r" + std::to_string(request) + "-" + std::to_string(static_cast<int>(fault.answer));
      if (request > 0) gate_.next({}, request);
      gate_.next(fault);
      const auto done = objects->put(key, as_bytes(content), IfThere::conflict);
      EXPECT_TRUE(done) << done.error().message;
      EXPECT_EQ(gate_.waiting(), 0u);
      EXPECT_TRUE(seen(key) == content);
    }
  }
}

TEST_P(LiveS3, an_answer_that_trickles_is_broken_off_and_asked_for_again) {
  options_.slow_for_max = std::chrono::seconds(1);
  const auto objects = opened();
  const std::string content(1'000'000, 'x');
  ASSERT_TRUE(objects->put("a", as_bytes(content), IfThere::conflict));
  gate_.next({.answer = Fault::Answer::slow, .bytes_per_second = 1000});
  EXPECT_TRUE(content_of(*objects, "a") == content);
  options_.retry_for = std::chrono::milliseconds(1);
  gate_.next({.answer = Fault::Answer::slow, .bytes_per_second = 1000});
  EXPECT_EQ(opened()->get("a").error().code, Code::unavailable);
}

TEST_P(LiveS3, a_wrong_secret_is_denied_and_not_repeated_to_anybody) {
  options_.secret_key = "not-the-secret";
  const auto objects = opened();
  const auto done = objects->put("a", as_bytes(small), IfThere::conflict);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::denied);
  EXPECT_NE(done.error().message.find("SignatureDoesNotMatch"), std::string::npos) << done.error().message;
  EXPECT_EQ(done.error().message.find("not-the-secret"), std::string::npos);
  EXPECT_EQ(objects->list("", "").error().code, Code::denied);
}

TEST_P(LiveS3, a_bucket_that_is_not_there_is_not_taken_for_an_empty_one) {
  options_.bucket = "no-such-bucket";
  const auto objects = opened();
  EXPECT_EQ(objects->get("a").error().code, Code::unavailable);
  EXPECT_EQ(objects->list("", "").error().code, Code::unavailable);
  const auto done = objects->put("a", as_bytes(small), IfThere::conflict);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_NE(done.error().message.find("NoSuchBucket"), std::string::npos) << done.error().message;
}

}  // namespace
}  // namespace waybill::lake

// Which lake the settings mean, and with whose key it is asked.
#include "app/wiring.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/random.h"
#include "base/secret_file.h"

namespace waybill::app {
namespace {

class Lake : public testing::Test {
 protected:
  Lake() {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) ::unsetenv(name);
    EXPECT_TRUE(write_secret_file(folder_, "secret", "very secret\n"));
  }
  ~Lake() override {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) ::unsetenv(name);
    EXPECT_TRUE(remove_with_content(system_files(), folder_));
  }

  std::string at(const std::string& name) const { return join_path(folder_, name); }
  Result<std::unique_ptr<lake::Objects>> opened() const { return open_objects_of(config_, data_, {}); }
  std::string url() const {
    const auto objects = opened();
    return objects ? (*objects)->url() : objects.error().message;
  }

  const std::string folder_ = testing::TempDir() + "waybill-lake-" + std::to_string(random_seed());
  DataFolder data_ = open_data_folder(at("data"), system_files()).value();
  Config config_;
};

TEST_F(Lake, is_in_the_data_folder_or_in_a_folder_of_its_own) {
  EXPECT_EQ(url(), at("data/lake"));
  config_.lake_location = at("elsewhere/");
  EXPECT_EQ(url(), at("elsewhere"));
  EXPECT_TRUE(opened().value()->put("a", as_bytes("1"), lake::IfThere::conflict));
  data_.lock.reset();
  EXPECT_EQ(opened().value()->get("a"), "1");
  EXPECT_EQ(opened().value()->remove("a").error().code, Code::denied) << "only whoever holds the data folder writes";
}

TEST_F(Lake, is_in_a_bucket_with_a_key_from_settings_and_file) {
  config_.lake_location = "s3://goods/some/prefix/";
  config_.lake_s3_endpoint = "http://127.0.0.1:9000/";
  config_.lake_s3_access_key = "me";
  config_.lake_s3_secret_key_file = at("secret");
  EXPECT_EQ(url(), "s3://goods/some/prefix");
  config_.lake_location = "s3://goods";
  EXPECT_EQ(url(), "s3://goods");
  config_.lake_s3_endpoint.clear();
  EXPECT_EQ(url(), "s3://goods") << "of AWS";
}

TEST_F(Lake, is_in_a_bucket_with_a_key_from_the_environment) {
  config_.lake_location = "s3://goods/lake";
  EXPECT_NE(url().find("AWS_ACCESS_KEY_ID"), std::string::npos) << url();
  ::setenv("AWS_ACCESS_KEY_ID", "me", 1);
  EXPECT_EQ(opened().error().code, Code::invalid);
  ::setenv("AWS_SECRET_ACCESS_KEY", "very secret", 1);
  EXPECT_EQ(url(), "s3://goods/lake");
}

TEST_F(Lake, a_key_is_not_mixed_of_two_and_its_secret_is_for_its_owner_only) {
  ::setenv("AWS_ACCESS_KEY_ID", "other", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "other", 1);
  config_.lake_location = "s3://goods/lake";
  config_.lake_s3_access_key = "me";
  EXPECT_EQ(opened().error().code, Code::invalid);
  config_.lake_s3_secret_key_file = at("secret");
  EXPECT_TRUE(opened());
  config_.lake_s3_access_key.clear();
  EXPECT_EQ(opened().error().code, Code::invalid);
  config_.lake_s3_access_key = "me";
  ASSERT_EQ(::chmod(at("secret").c_str(), 0644), 0);
  EXPECT_EQ(opened().error().code, Code::denied);
  EXPECT_EQ(url().find("very secret"), std::string::npos);
  EXPECT_TRUE(write_secret_file(folder_, "empty", "\n"));
  config_.lake_s3_secret_key_file = at("empty");
  EXPECT_EQ(opened().error().code, Code::invalid);
}

TEST_F(Lake, a_bucket_that_can_be_none_is_refused) {
  config_.lake_s3_access_key = "me";
  config_.lake_s3_secret_key_file = at("secret");
  for (const char* wrong : {"s3:///lake", "s3://GOODS/lake", "s3://goods//lake", "s3://goods/a/../b"}) {
    config_.lake_location = wrong;
    EXPECT_EQ(opened().error().code, Code::invalid) << wrong;
  }
}

}  // namespace
}  // namespace waybill::app

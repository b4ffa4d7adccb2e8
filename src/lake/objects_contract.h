// lake/objects_contract.h — what every place for objects must do, run by each adapter's test over the ground it stands on.
//
// An adapter's test makes its Ground and says
//   INSTANTIATE_TEST_SUITE_P(Local, ObjectsContract, testing::Values(&make_local_ground));
// the tests themselves are in objects_contract_test.cc.
#pragma once

#include <gtest/gtest.h>

#include "lake/objects.h"

namespace waybill::lake {

// An empty folder, bucket or prefix of its own, which outlives what is opened on it.
class ObjectsGround {
 public:
  ObjectsGround() = default;
  virtual ~ObjectsGround() = default;
  ObjectsGround(const ObjectsGround&) = delete;
  ObjectsGround& operator=(const ObjectsGround&) = delete;

  virtual Result<std::unique_ptr<Objects>> open() = 0;
  virtual Files& files() = 0;  // where put_file() looks
  virtual std::string scratch() = 0;  // a path there for a file, always the same
};

using MakeObjectsGround = std::unique_ptr<ObjectsGround> (*)();

class ObjectsContract : public testing::TestWithParam<MakeObjectsGround> {
 protected:
  std::unique_ptr<Objects> open() {
    auto opened = ground_->open();
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  // The path of a file with this content.
  std::string file_of(const std::string& content) {
    EXPECT_TRUE(write_file_atomically(ground_->files(), ground_->scratch(), content));
    return ground_->scratch();
  }

  const std::unique_ptr<ObjectsGround> ground_ = GetParam()();
};

// What get() says: the content, or "<not_found>".
inline std::string content_of(const Objects& objects, const std::string& key) {
  const auto content = objects.get(key);
  return content ? *content : "<" + std::string(to_string(content.error().code)) + ">";
}

inline std::vector<std::string> keys_of(const Objects& objects, const std::string& prefix = "",
                                        const std::string& after = "") {
  const auto listed = objects.list(prefix, after);
  EXPECT_TRUE(listed) << listed.error().message;
  std::vector<std::string> keys;
  if (listed)
    for (const ObjectInfo& one : *listed) keys.push_back(one.key);
  return keys;
}

}  // namespace waybill::lake

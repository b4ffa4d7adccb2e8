#include "lake/copies.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "lake/simulated_objects.h"

namespace waybill::lake {
namespace {

constexpr uint64_t file_bytes = 100;

// Objects that count what is asked of them.
class Counted final : public Objects {
 public:
  Result<void> put(const std::string&, Bytes, IfThere) override { return fail(Code::denied, "only read"); }
  Result<void> put_file(const std::string&, const std::string&, IfThere) override {
    return fail(Code::denied, "only read");
  }
  Result<std::string> get(const std::string& key) const override {
    ++gets;
    return inner.get(key);
  }
  Result<std::vector<ObjectInfo>> list(const std::string&, const std::string&) const override { return {}; }
  Result<void> remove(const std::string&) override { return fail(Code::denied, "only read"); }
  std::string url() const override { return "s3://goods"; }

  SimulatedObjects inner;
  mutable int gets = 0;
};

class CopiesTest : public testing::Test {
 protected:
  DataFile file(const std::string& key) {
    const std::string content(file_bytes, key.back());
    EXPECT_TRUE(objects_.inner.put(key, as_bytes(content), IfThere::replace));
    return {.key = key, .bytes = content.size(), .crc32c = crc32c(as_bytes(content))};
  }
  std::unique_ptr<Copies> open(uint64_t bytes_max = 10 * file_bytes) {
    auto opened = open_copies({.folder = "copies", .bytes_max = bytes_max}, *files_);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::string content(const std::string& path) { return read_file(*files_, path).value_or("<gone>"); }
  std::string borrowed(Loan& loan, const DataFile& file) {
    const auto path = loan.path_of(file);
    return path ? content(*path) : "<" + std::string(to_string(path.error().code)) + ">";
  }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  Counted objects_;
};

TEST_F(CopiesTest, a_file_is_fetched_once_and_is_there_for_the_next_process) {
  const DataFile a = file("raw/a");
  for (int process = 0; process < 2; ++process) {
    const auto copies = open();
    for (int loan = 0; loan < 2; ++loan)
      EXPECT_EQ(borrowed(*copies->borrow(objects_), a), std::string(file_bytes, 'a'));
  }
  EXPECT_EQ(objects_.gets, 1);
}

TEST_F(CopiesTest, two_processes_at_the_same_time_do_not_meet) {
  const DataFile a = file("raw/a");
  const auto one = open();
  const auto other = open();
  const auto loan = one->borrow(objects_);
  const auto other_loan = other->borrow(objects_);
  EXPECT_NE(*loan->path_of(a), *other_loan->path_of(a));
}

TEST_F(CopiesTest, what_was_longest_not_used_goes_first_and_what_is_lent_stays) {
  const DataFile a = file("raw/a"), b = file("raw/b"), c = file("raw/c"), d = file("raw/d");
  const auto copies = open(2 * file_bytes);
  const std::string path_of_b = [&] {
    const auto loan = copies->borrow(objects_);
    EXPECT_TRUE(loan->path_of(a));
    return *loan->path_of(b);
  }();
  const auto holding = copies->borrow(objects_);
  const std::string path_of_a = *holding->path_of(a);
  EXPECT_TRUE(copies->borrow(objects_)->path_of(c));
  EXPECT_EQ(content(path_of_b), "<gone>");
  EXPECT_EQ(content(path_of_a), std::string(file_bytes, 'a'));
  const auto more = copies->borrow(objects_);
  EXPECT_TRUE(more->path_of(d));
  EXPECT_EQ(borrowed(*more, c), "<overloaded>") << "two files are lent already";
  EXPECT_EQ(content(path_of_a), std::string(file_bytes, 'a'));
}

TEST_F(CopiesTest, a_copy_that_was_damaged_meanwhile_is_fetched_again) {
  const DataFile a = file("raw/a");
  const std::string path = *open()->borrow(objects_)->path_of(a);
  ASSERT_TRUE(write_file_atomically(*files_, path, std::string(file_bytes, 'x')));
  EXPECT_EQ(borrowed(*open()->borrow(objects_), a), std::string(file_bytes, 'a'));
}

TEST_F(CopiesTest, an_object_that_is_not_what_the_catalog_says_is_not_lent) {
  const DataFile a = file("raw/a");
  objects_.inner.flip_bit("raw/a", 7);
  const auto copies = open();
  EXPECT_EQ(borrowed(*copies->borrow(objects_), a), "<corrupt>");
  objects_.inner.flip_bit("raw/a", 7);
  EXPECT_EQ(borrowed(*copies->borrow(objects_), a), std::string(file_bytes, 'a')) << "it may be put right";
  EXPECT_EQ(borrowed(*copies->borrow(objects_), {.key = "raw/none"}), "<not_found>");
}

TEST_F(CopiesTest, a_folder_needs_no_copies) {
  EXPECT_EQ(*no_copies()->borrow(objects_)->path_of({.key = "raw/a"}), "s3://goods/raw/a");
}

}  // namespace
}  // namespace waybill::lake

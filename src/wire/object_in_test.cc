#include "wire/object_in.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "wire/access_in.h"
#include "wire/hook_in.h"

namespace waybill::wire {
namespace {

using Read = std::map<size_t, std::string>;

class ObjectIn : public testing::Test {
 protected:
  // "" where it was read, else "field: reason".
  std::string read_from(std::string_view body) {
    constexpr std::array<std::string_view, 2> names = {"one", "other"};
    read.clear();
    const auto done = read_object(body, names, [this](size_t which, std::string_view value, FieldReader& fields) {
      return fields.text("one or other", value, read[which]);
    });
    return done ? std::string() : done.error().field + ": " + done.error().reason;
  }
  Read read;
};

TEST_F(ObjectIn, takes_each_field_that_is_given_and_not_null) {
  EXPECT_EQ(read_from(R"( {"other": "b", "one": "a\u00e9"} )"), "");
  EXPECT_EQ(read, (Read{{0, "aé"}, {1, "b"}}));
  EXPECT_EQ(read_from(R"({"o\u006ee":"a","other":null})"), "");
  EXPECT_EQ(read, (Read{{0, "a"}}));
  for (const char* nothing : {"", " \n", "{}"}) {
    EXPECT_EQ(read_from(nothing), "");
    EXPECT_TRUE(read.empty());
  }
}

TEST_F(ObjectIn, refuses_what_is_unknown_or_given_twice_or_no_object) {
  EXPECT_EQ(read_from(R"({"third":1})"), "third: is not known here");
  EXPECT_EQ(read_from(R"({"one":null,"o\u006ee":"a"})"), "one: is given twice");
  EXPECT_EQ(read_from("[]"), "body: expected a JSON object");
  EXPECT_TRUE(read_from("{").starts_with("body: "));
  EXPECT_TRUE(read_from(R"({"one":1})").starts_with("one or other: "));
}

TEST_F(ObjectIn, a_credentials_fields_are_read_by_name) {
  const auto input =
      read_access_input(R"({"password":"p","name":"n","note":"o","hours":2,"days":3,"subject":7,"role":"deliverer"})");
  ASSERT_TRUE(input);
  EXPECT_EQ(input->password + input->name + input->note + input->subject, "pno7");
  EXPECT_EQ(*input->hours * 10 + *input->days, 23);
  EXPECT_EQ(input->role, Role::deliverer);
  EXPECT_EQ(read_access_input(R"({"role":"king"})").error().field, "role");
  EXPECT_EQ(read_access_input(R"({"url":"x"})").error().field, "url");
}

TEST_F(ObjectIn, a_webhooks_fields_are_read_by_name) {
  const auto input = read_hook_input(R"({"from":"1-0-1","note":"n","events":["state","silent"],"url":"u"})");
  ASSERT_TRUE(input);
  EXPECT_EQ(input->url + input->note + input->from, "un1-0-1");
  EXPECT_EQ(input->events, (EventKinds{Event::Kind::state, Event::Kind::silent}));
  for (const char* events : {"[]", "1", R"(["state","x"])", "[1]"})
    EXPECT_EQ(read_hook_input(R"({"events":)" + std::string(events) + "}").error().field, "events");
}

}  // namespace
}  // namespace waybill::wire

#include "wire/json_object.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

TEST(JsonObject, members_are_read_by_name_and_kind) {
  JsonObject object(R"({"a": 1, "b":-2, "c":"d\u00e9\"", "e":[{"f":1}, {"f":2}], "g":["x","y"], "h":{"i":"j"}})");
  EXPECT_EQ(object.number("a"), 1u);
  EXPECT_EQ(object.integer("b"), -2);
  EXPECT_EQ(object.text("c"), "d\xc3\xa9\"");
  EXPECT_EQ(object.objects("e").at(1).number("f"), 2u);
  EXPECT_EQ(object.texts("g"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(object.object("h").all_texts().at(0), (std::pair<std::string, std::string>{"i", "j"}));
  EXPECT_TRUE(object.has("a"));
  EXPECT_FALSE(object.has("z"));
  EXPECT_TRUE(object.ok());
}

TEST(JsonObject, what_is_missing_or_of_another_kind_is_remembered) {
  const auto after = [](auto&& read) {
    JsonObject object(R"({"n":1,"f":1.5,"m":-1,"t":"x","o":{"x":1},"a":[1]})");
    read(object);
    return object.ok();
  };
  EXPECT_FALSE(after([](JsonObject& object) { object.number("z"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.number("m"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.integer("f"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.text("n"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.object("t"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.object("o").text("x"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.objects("a"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.texts("a"); }));
  EXPECT_FALSE(after([](JsonObject& object) { object.texts("o"); }));
  EXPECT_FALSE(JsonObject("[1]").ok());
}

TEST(Seal, what_was_sealed_is_unsealed_and_nothing_else) {
  const std::string sealed = seal("x", R"({"a":1})");
  EXPECT_EQ(unseal(sealed, "x", "it"), R"({"a":1})");
  EXPECT_EQ(unseal(sealed, "y", "it").error().message, "it: damaged: not as it was written");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string other = sealed;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(unseal(other, "x", "it")) << i;
    EXPECT_FALSE(unseal(sealed.substr(0, i), "x", "it")) << i;
  }
  EXPECT_FALSE(unseal(seal("x", "{"), "x", "it")) << "sealed, but not JSON";
}

}  // namespace
}  // namespace waybill::wire

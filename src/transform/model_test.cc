#include "transform/model.h"

#include <gtest/gtest.h>

namespace waybill::transform {
namespace {

// A model with these lines in its description.
Result<std::vector<Model>> model_with(const std::string& lines) {
  return read_models({{"final/x.sql", "SELECT a FROM raw.t"},
                      {"final/x.toml", "what = \"x\"\ngrain = \"a\"\npartition = \"a\"\n" + lines +
                                           "\n[[columns]]\nname = \"a\"\ntype = \"DATE\"\nwhat = \"a\"\n"}});
}
std::string refusal(const std::string& lines) {
  const auto models = model_with(lines);
  return models ? "" : models.error().message;
}
ModelTest test_of(const std::string& lines) {
  const auto models = model_with("[[tests]]\n" + lines);
  EXPECT_TRUE(models) << models.error().message;
  return models ? models->front().tests.front() : ModelTest{};
}

TEST(Model, a_kind_of_test_becomes_a_select_of_what_should_not_be) {
  const ModelTest fresh = test_of("kind = \"freshness\"\ncolumn = \"b\"\nbehind = \"raw.t.c\"\nseconds_max = 60");
  EXPECT_EQ(fresh.name, "freshness b");
  EXPECT_NE(fresh.sql.find("MAX(c) AS newest FROM raw.t"), std::string::npos) << fresh.sql;
  EXPECT_TRUE(fresh.sql.ends_with("> 60")) << fresh.sql;
  const ModelTest volume = test_of("kind = \"volume\"\nof = \"raw.t\"\nleast_share = 0.5");
  EXPECT_EQ(volume.name, "volume of raw.t");
  EXPECT_TRUE(volume.sql.ends_with("own.n < 0.5 * other.n OR own.n > 1 * other.n")) << volume.sql;
  const ModelTest spread = test_of("kind = \"distribution\"\nwhere = \"b > 1\"\nmost_share = 0.1\nrows_min = 10");
  EXPECT_EQ(spread.name, "distribution b > 1");
  EXPECT_TRUE(spread.sql.ends_with("n >= 10 AND (hit < 0 * n OR hit > 0.1 * n)")) << spread.sql;
}

TEST(Model, what_a_description_says_wrongly_is_named) {
  EXPECT_NE(refusal("[[tests]]\nkind = \"mood\"").find("there is no kind mood"), std::string::npos);
  EXPECT_NE(refusal("[[tests]]\nkind = \"volume\"\nof = \"raw.t\"").find("least_share or most_share"),
            std::string::npos);
  EXPECT_NE(refusal("[[tests]]\nkind = \"freshness\"\ncolumn = \"a\"\nbehind = \"a\"").find("schema.table.column"),
            std::string::npos);
  EXPECT_NE(refusal("[touches]\n\"raw.t\" = 1").find("touches: expected a SELECT"), std::string::npos);
  EXPECT_EQ(refusal("[touches]\n\"raw.t\" = \"SELECT a FROM changed.t\""), "");
}

}  // namespace
}  // namespace waybill::transform

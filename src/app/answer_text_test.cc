#include "app/answer_text.h"

#include <gtest/gtest.h>

namespace waybill::app {
namespace {

const transform::Answer answer = {
    .columns = {{"id", "BIGINT"}, {"name, said", "VARCHAR"}, {"ok", "BOOLEAN"}, {"x", "DOUBLE"}},
    .rows = {{"7", "josé \"a\"", "true", "1.5"},
             {"12345", "", std::nullopt, "nan"},
             {std::nullopt, "l\n2", "false", "inf"}}};

TEST(AnswerText, a_table_is_aligned_and_counts_its_rows) {
  EXPECT_EQ(table_text(answer),
            "   id  name, said  ok       x\n"
            "-----  ----------  -----  ---\n"
            "    7  josé \"a\"    true   1.5\n"
            "12345              NULL   nan\n"
            " NULL  l 2         false  inf\n"
            "3 rows\n");
}

TEST(AnswerText, a_table_that_was_cut_says_so) {
  EXPECT_EQ(table_text({.columns = {{"a", "INTEGER"}}, .rows = {{"1"}}, .cut = true}),
            "a\n-\n1\nthe first 1 row, there are more\n");
  EXPECT_EQ(table_text({.columns = {{"a", "INTEGER"}}, .rows = {}}), "a\n-\n0 rows\n");
}

TEST(AnswerText, csv_tells_null_and_empty_apart_and_quotes_what_must_be) {
  EXPECT_EQ(csv_text(answer),
            "id,\"name, said\",ok,x\r\n"
            "7,\"josé \"\"a\"\"\",true,1.5\r\n"
            "12345,\"\",,nan\r\n"
            ",\"l\n2\",false,inf\r\n");
}

TEST(AnswerText, json_has_numbers_as_numbers) {
  EXPECT_EQ(json_text(answer),
            R"({"columns":[{"name":"id","type":"BIGINT"},{"name":"name, said","type":"VARCHAR"},)"
            R"({"name":"ok","type":"BOOLEAN"},{"name":"x","type":"DOUBLE"}],"rows":[[7,"josé \"a\"",true,1.5],)"
            R"([12345,"",null,null],[null,"l\n2",false,null]],"cut":false})");
}

}  // namespace
}  // namespace waybill::app

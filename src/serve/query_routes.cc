#include <algorithm>

#include "serve/api.h"
#include "serve/problem.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

constexpr size_t audit_sql_bytes_max = 300;

bool names(std::string_view header, std::string_view type) {
  return std::ranges::equal(header.substr(0, type.size()), type,
                            [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

Reply not_a_statement() {
  return reply_of(Problem{.status = 400,
                          .detail = "the body is not a statement",
                          .field = "body",
                          .expected = R"({"sql": "SELECT …"}, or the statement itself as text/plain)"});
}

std::expected<std::string, Reply> statement_of(const Request& request) {
  if (request.body.size() > query_bytes_max)
    return std::unexpected(
        reply_of(Problem{.status = 413,
                         .detail = "a statement has at most " + std::to_string(query_bytes_max) + " bytes",
                         .field = "body"}));
  if (names(request.header("Content-Type"), "text/plain")) {
    if (!wire::is_utf8(request.body)) return std::unexpected(not_a_statement());
    return std::string(request.body);
  }
  wire::JsonChecker checker;
  if (!checker.check(request.body)) return std::unexpected(not_a_statement());
  const std::string_view object = wire::json_trimmed(request.body);
  if (wire::kind_of(object) != wire::JsonKind::object) return std::unexpected(not_a_statement());
  std::optional<std::string> sql;
  wire::JsonWalk walk(object);
  for (std::string_view name, value; walk.next_member(name, value);) {
    std::string scratch;
    if (name != R"("sql")" || wire::kind_of(value) != wire::JsonKind::string) return std::unexpected(not_a_statement());
    const auto text = wire::json_string(value, scratch);
    if (!text) return std::unexpected(not_a_statement());
    sql = std::string(*text);
  }
  if (!sql) return std::unexpected(not_a_statement());
  return *sql;
}

// For a line of the audit: whole characters only.
std::string beginning(std::string_view sql) {
  if (sql.size() <= audit_sql_bytes_max) return std::string(sql);
  return wire::made_utf8(sql.substr(0, audit_sql_bytes_max)) + "…";
}

Reply ask(const ApiParts& parts, const Request& request) {
  auto sql = statement_of(request);
  if (!sql) return std::move(sql.error());
  const AnswerForm form = names(request.header("Accept"), "text/csv") ? AnswerForm::csv : AnswerForm::json;
  const Principal& who = asked_by(request);
  auto answer = parts.ask_lake(who, *sql, form);
  if (!answer && answer.error().code == Code::denied)
    parts.audit.denied({.address = std::string(request.address),
                        .who = who.name(),
                        .what = "POST /v1/query",
                        .status = status_of(Code::denied),
                        .why = answer.error().message});
  if (!answer) return reply_of(answer.error());
  parts.audit.acted(who, request.address, "query", beginning(*sql));
  return Reply{.status = 200,
               .body = std::move(*answer),
               .content_type = form == AnswerForm::csv ? "text/csv; charset=utf-8" : "application/json"};
}

}  // namespace

std::vector<Route> query_routes(const ApiParts& parts) {
  if (!parts.ask_lake) return {};
  return {{.method = Method::post,
           .act = Act::query,
           .pattern = "/v1/query",
           .handler = [parts](const Request& request) { return ask(parts, request); },
           .where = Where::pool}};
}

}  // namespace waybill::serve

#include <algorithm>
#include <array>

#include "serve/api.h"
#include "serve/problem.h"
#include "wire/json_text.h"
#include "wire/object_in.h"

namespace waybill::serve {
namespace {

constexpr size_t audit_sql_bytes_max = 300;

bool names(std::string_view header, std::string_view type) {
  return std::ranges::equal(header.substr(0, type.size()), type,
                            [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::expected<std::string, Reply> statement_of(const Request& request) {
  if (request.body.size() > query_bytes_max)
    return std::unexpected(
        reply_of(Problem{.status = 413,
                         .detail = "a statement has at most " + std::to_string(query_bytes_max) + " bytes",
                         .field = "body"}));
  if (names(request.header("Content-Type"), "text/plain")) {
    if (!wire::is_utf8(request.body) || request.body.empty())
      return std::unexpected(refused({.field = "body", .reason = "expected a statement, as UTF-8", .raw = {}}));
    return std::string(request.body);
  }
  constexpr std::array<std::string_view, 1> names_known = {"sql"};
  std::string sql;
  const auto read = wire::read_object(
      request.body, names_known,
      [&](size_t, std::string_view value, wire::FieldReader& fields) { return fields.text("sql", value, sql); });
  if (!read) return std::unexpected(refused(read.error()));
  if (sql.empty()) return std::unexpected(refused({.field = "sql", .reason = "is required", .raw = {}}));
  return sql;
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

#include <charconv>

#include "serve/api.h"
#include "serve/problem.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

constexpr uint64_t keep_usual = 7;
constexpr uint64_t keep_max = 10'000;

struct Asked {
  std::string to;
  uint64_t keep = keep_usual;
};

Reply refused(std::string_view field, std::string_view expected) {
  return reply_of(Problem{.status = 400,
                          .detail = std::string(field) + " is not " + std::string(expected),
                          .field = std::string(field),
                          .expected = std::string(expected)});
}

std::expected<Asked, Reply> read_asked(std::string_view body) {
  const auto not_ours = [] {
    return std::unexpected(refused("body", R"({"to": a folder's absolute path, "keep": 7})"));
  };
  wire::JsonChecker checker;
  if (!checker.check(body)) return not_ours();
  const std::string_view object = wire::json_trimmed(body);
  if (wire::kind_of(object) != wire::JsonKind::object) return not_ours();
  Asked asked;
  std::string name_text, value_text;
  wire::JsonWalk walk(object);
  for (std::string_view name, value; walk.next_member(name, value);) {
    const auto known = wire::json_string(name, name_text);
    if (known == "to" && wire::kind_of(value) == wire::JsonKind::string) {
      asked.to = wire::json_string(value, value_text).value_or("");
    } else if (known == "keep") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), asked.keep);
      if (error != std::errc() || end != value.data() + value.size() || asked.keep < 1 || asked.keep > keep_max)
        return std::unexpected(refused("keep", "a whole number from 1 to " + std::to_string(keep_max)));
    } else {
      return not_ours();
    }
  }
  if (!asked.to.starts_with('/') || asked.to.find('\0') != std::string::npos)
    return std::unexpected(refused("to", "a folder's absolute path on the server's machine"));
  return asked;
}

}  // namespace

std::vector<Route> backup_routes(const ApiParts& parts) {
  if (!parts.start_backup || !parts.backup_state) return {};
  return {{.method = Method::post,
           .pattern = "/v1/backup",
           .handler =
               [parts](const Request& request) {
                 const auto asked = read_asked(request.body);
                 if (!asked) return asked.error();
                 if (auto started = parts.start_backup(asked->to, asked->keep); !started)
                   return reply_of(started.error());
                 parts.audit.acted(asked_by(request), request.address, "back up", asked->to);
                 return Reply{.status = 202, .body = parts.backup_state()};
               }},
          {.method = Method::get, .pattern = "/v1/backup", .handler = [parts](const Request&) {
             return Reply{.status = 200, .body = parts.backup_state()};
           }}};
}

}  // namespace waybill::serve

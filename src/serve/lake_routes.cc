#include <array>

#include "serve/api.h"
#include "serve/problem.h"
#include "wire/object_in.h"

namespace waybill::serve {
namespace {

constexpr int64_t older_hours_max = 8760;

constexpr auto names = std::to_array<std::string_view>({"do", "older_than_hours", "before"});

struct Asked {
  std::string what;
  std::optional<int64_t> older_than_hours;
  std::optional<Time> before;
};

bool take(size_t which, std::string_view value, wire::FieldReader& fields, Asked& into) {
  switch (which) {
    case 0: return fields.text("do", value, into.what);
    case 1: return fields.integer("older_than_hours", value, into.older_than_hours.emplace());
    default: return fields.time("before", value, into.before);
  }
}

std::expected<LakeChore, Reply> chore_of(std::string_view body) {
  Asked asked;
  const auto read =
      wire::read_object(body, names, [&](size_t which, std::string_view value, wire::FieldReader& fields) {
        return take(which, value, fields, asked);
      });
  const auto wrong = [](std::string field, std::string reason) {
    return std::unexpected(refused({.field = std::move(field), .reason = std::move(reason), .raw = {}}));
  };
  if (!read) return std::unexpected(refused(read.error()));
  if (asked.older_than_hours &&
      (asked.what != "expire" || *asked.older_than_hours < 0 || *asked.older_than_hours > older_hours_max))
    return wrong("older_than_hours", "expected 0 to " + std::to_string(older_hours_max) + ", of \"do\": \"expire\"");
  if (asked.before.has_value() != (asked.what == "purge"))
    return wrong("before", "expected a time, of \"do\": \"purge\" only");
  if (asked.what == "compact") return LakeChore{.what = LakeChore::What::compact};
  if (asked.what == "expire")
    return LakeChore{.what = LakeChore::What::expire,
                     .older_than = std::chrono::hours(asked.older_than_hours.value_or(0))};
  if (asked.what == "purge") return LakeChore{.what = LakeChore::What::purge, .before = *asked.before};
  return wrong("do", "expected compact, expire or purge");
}

}  // namespace

std::vector<Route> lake_routes(const ApiParts& parts) {
  if (!parts.start_lake_chore || !parts.lake_chore_state) return {};
  return {{.method = Method::post,
           .pattern = "/v1/lake",
           .handler =
               [parts](const Request& request) {
                 const auto chore = chore_of(request.body);
                 if (!chore) return chore.error();
                 if (auto started = parts.start_lake_chore(*chore); !started) return reply_of(started.error());
                 parts.audit.acted(asked_by(request), request.address, "lake", to_string(chore->what));
                 return Reply{.status = 202, .body = parts.lake_chore_state()};
               }},
          {.method = Method::get, .pattern = "/v1/lake", .handler = [parts](const Request&) {
             return Reply{.status = 200, .body = parts.lake_chore_state()};
           }}};
}

std::string_view to_string(LakeChore::What what) {
  switch (what) {
    case LakeChore::What::compact: return "compact";
    case LakeChore::What::expire: return "expire";
    case LakeChore::What::purge: return "purge";
  }
  return "";
}

}  // namespace waybill::serve

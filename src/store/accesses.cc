#include <algorithm>

#include "store/reading.h"

namespace waybill::store {
namespace {

Result<Grant> decode_grant(std::string_view bytes) {
  TRY_LET(wire::Record record, wire::decode_record(as_bytes(bytes)));
  if (auto* grant = std::get_if<Grant>(&record)) return std::move(*grant);
  return fail(Code::corrupt, "store: the bytes of a row are not a grant");
}

}  // namespace

std::string_view grant_prefix_of(std::string_view key) {
  constexpr size_t offset_bytes = 8;
  return key.substr(0, key.size() - std::min(key.size(), offset_bytes));
}

Result<Said> take_credential(Cursor& rows, std::string_view prefix) {
  Said said;
  std::optional<Access> access;
  for (; rows.valid() && rows.key().starts_with(prefix); rows.next()) {
    TRY_LET(const Grant grant, decode_grant(rows.value()));
    apply(access, grant);
    said.keys.emplace_back(rows.key());
  }
  TRY(rows.status());
  if (access) said.access = std::move(*access);
  return said;
}

Result<std::optional<Access>> read_access(const View& view, Grant::Kind kind, std::string_view id) {
  const std::string prefix = grant_prefix(kind, id);
  const auto rows = view.cursor(Table::grant, prefix);
  rows->seek(prefix);
  TRY_LET(Said said, take_credential(*rows, prefix));
  if (said.keys.empty()) return std::nullopt;
  return std::move(said.access);
}

Result<AccessPage> read_accesses(const View& view, const AccessQuery& query) {
  std::string within;
  if (query.kind) within.push_back(static_cast<char>(*query.kind));
  const std::string question = "accesses " + within;
  const auto rows = view.cursor(Table::grant, within);
  rows->seek(within);
  if (!query.cursor.empty()) {
    TRY_LET(const std::string next, take_cursor(question, query.cursor));
    rows->seek(next);
  }
  AccessPage page;
  while (rows->valid()) {
    const std::string prefix(grant_prefix_of(rows->key()));
    if (page.accesses.size() >= query.limit) {
      page.next_cursor = make_cursor(question, prefix);
      break;
    }
    TRY_LET(Said said, take_credential(*rows, prefix));
    page.accesses.push_back(std::move(said.access));
  }
  TRY(rows->status());
  return page;
}

}  // namespace waybill::store

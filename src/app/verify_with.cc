#include "app/verify_with.h"

#include <cstdio>

#include "app/data_folder.h"
#include "app/wiring.h"
#include "base/hash.h"
#include "ingest/books.h"
#include "wire/json_object.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

struct Books {
  Position end{};  // behind the last record
  std::vector<ingest::BookRow> rows;
};

// The store first: what it has durable is in the journal before.
Result<Books> books_of_folder(const Config& config) {
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
  TRY_LET(const auto store, open_store_to_read(config, folder));
  TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), system_files()));
  TRY_LET(const auto ledgers, store->ledgers());
  const uint64_t end = store->watermarks().visible;
  TRY_LET(auto rows, ingest::book_rows([&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); },
                                       journal->begin(), ledgers, end));
  return Books{.end = {.epoch = journal->epochs().of(end), .partition = journal->partition(), .offset = end},
               .rows = std::move(rows)};
}

Result<std::vector<ingest::BookRow>> rows_in(const std::string& body) {
  const Error not_books{Code::invalid, "it does not answer with books"};
  if (!wire::JsonChecker().check(body)) return std::unexpected(not_books);
  wire::JsonObject answer(body);
  std::vector<ingest::BookRow> rows;
  for (wire::JsonObject& object : answer.objects("books")) {
    const auto from = parse_position(object.text("from"));
    const auto to = parse_position(object.text("to"));
    const auto ids = parse_hash128(object.text("identities"));
    const uint64_t records = object.number("records");
    if (!from || !to || !ids) return std::unexpected(not_books);
    rows.push_back({.from = from->offset, .to = to->offset, .sum = {.count = records, .ids = *ids}});
  }
  if (!answer.ok()) return std::unexpected(not_books);
  return rows;
}

Result<std::vector<ingest::BookRow>> books_of_process(const std::string& url, const VerifyWith& others,
                                                      const Position& end) {
  TRY_LET(const auto client, open_http_client({.url = url, .trust = others.trust, .bearer = others.bearer}));
  std::string path = "/v1/books?below=" + to_string(end);
  if (end.offset > 0)
    path += "&at_least=" + to_string({.epoch = end.epoch, .partition = end.partition, .offset = end.offset - 1});
  TRY_LET(const HttpAnswer answer, client->get({.path = path}));
  constexpr int fine = 200, unavailable = 503;
  if (answer.status == unavailable)
    return fail(Code::unavailable, "it does not have all up to " + to_string(end) + " yet: ask again");
  if (answer.status != fine)
    return fail(Code::denied, "it answers " + std::to_string(answer.status) + ": " + answer.body);
  return rows_in(answer.body);
}

}  // namespace

Result<bool> verify_with(const Config& config, const VerifyWith& others) {
  TRY_LET(const Books here, books_of_folder(config));
  bool same = true;
  for (const std::string& url : others.urls) {
    const auto there = books_of_process(url, others, here.end);
    if (!there) return fail_in(url, there.error());
    const ingest::Comparison found = ingest::compare(here.rows, *there);
    std::printf("with       %s: the books of %llu of %llu records compared\n", url.c_str(),
                static_cast<unsigned long long>(found.up_to), static_cast<unsigned long long>(here.end.offset));
    for (const ingest::Difference& difference : found.differences)
      std::printf("DIFFERS    offsets %llu … %llu: %s\n", static_cast<unsigned long long>(difference.from),
                  static_cast<unsigned long long>(difference.to), difference.what.c_str());
    same = same && found.differences.empty() && found.up_to == here.end.offset;
  }
  return same;
}

}  // namespace waybill::app

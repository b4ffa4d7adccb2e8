#include "ingest/books.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <iterator>

#include "wire/record.h"

namespace waybill::ingest {
namespace {

constexpr size_t read_bytes = 4 << 20;

std::string describe(const store::Sum& sum) { return std::to_string(sum.count) + " records, ids " + to_hex(sum.ids); }

EventId id_of(Bytes record) {
  const auto decoded = wire::decode_record(record);
  return decoded ? wire::event_id_of(*decoded) : wire::event_id_of_bytes(record);
}

}  // namespace

Result<Trimmed> read_trimmed(Files& files, const std::string& path) {
  const Result<std::string> text = read_file(files, path);
  if (!text && text.error().code == Code::not_found) return Trimmed{};
  if (!text) return std::unexpected(text.error());
  Trimmed trimmed;
  const int fields = std::sscanf(text->c_str(),
                                 "waybill trimmed 1 epoch %" SCNu32 " partition %" SCNu32 " end %" SCNu64
                                 " count %" SCNu64 " ids %16" SCNx64 "%16" SCNx64,
                                 &trimmed.epoch, &trimmed.partition, &trimmed.end, &trimmed.sum.count,
                                 &trimmed.sum.ids.high, &trimmed.sum.ids.low);
  constexpr int fields_expected = 6;
  if (fields != fields_expected) return fail(Code::corrupt, "read " + path + ": not the books of a trimmed journal");
  return trimmed;
}

Result<void> write_trimmed(Files& files, const std::string& path, const Trimmed& trimmed) {
  return write_file_atomically(files, path,
                               "waybill trimmed 1 epoch " + std::to_string(trimmed.epoch) + " partition " +
                                   std::to_string(trimmed.partition) + " end " + std::to_string(trimmed.end) +
                                   " count " + std::to_string(trimmed.sum.count) + " ids " + to_hex(trimmed.sum.ids) +
                                   "\n");
}

Result<store::Sum> sum_of_journal(const ReadRecords& read, uint64_t from, uint64_t to) {
  store::Sum sum;
  while (from < to) {
    TRY_LET(const journal::ReadResult part, read(from, read_bytes));
    if (part.records.empty())
      return fail(Code::corrupt, "the journal ends at offset " + std::to_string(from) + ", expected records up to " +
                                     std::to_string(to));
    const uint64_t count = std::min<uint64_t>(part.records.size(), to - from);
    for (uint64_t i = 0; i < count; ++i) sum.add(id_of(part.records[i]));
    from += count;
  }
  return sum;
}

Result<std::vector<BookRow>> book_rows(const ReadRecords& read, uint64_t journal_begin,
                                       const std::vector<store::Ledger>& ledgers, uint64_t below) {
  std::vector<BookRow> rows;
  for (const store::Ledger& ledger : ledgers) {
    if (ledger.from >= below) break;
    BookRow row{.from = ledger.from, .to = ledger.to, .sum = ledger.total()};
    if (ledger.to > below) {
      if (ledger.from < journal_begin) break;
      row.to = below;
      TRY_LET(row.sum, sum_of_journal(read, ledger.from, below));
    }
    rows.push_back(row);
  }
  return rows;
}

Comparison compare(const std::vector<BookRow>& here, const std::vector<BookRow>& there) {
  Comparison found;
  store::Sum ours;
  store::Sum theirs;
  auto other = there.begin();
  for (const BookRow& row : here) {
    ours += row.sum;
    for (; other != there.end() && other->to <= row.to; ++other) theirs += other->sum;
    const bool both = other != there.begin() && std::prev(other)->to == row.to;
    if (!both) continue;
    if (ours != theirs)
      found.differences.push_back({found.up_to, row.to, "here: " + describe(ours) + "; there: " + describe(theirs)});
    found.up_to = row.to;
    ours = theirs = {};
  }
  return found;
}

Result<Balance> balance(journal::JournalReader& journal, const store::Store& store, const Trimmed& trimmed,
                        Depth depth) {
  TRY_LET(const std::vector<store::Ledger> ledgers, store.ledgers());
  TRY(journal.refresh());
  Balance result{.journal_begin = journal.begin(),
                 .journal_end = journal.end(),
                 .trimmed_end = trimmed.end,
                 .store_end = store.watermarks().visible,
                 .store = {},
                 .journal = trimmed.sum,
                 .deep = depth == Depth::rows,
                 .differences = {}};
  const ReadRecords read = [&](uint64_t offset, size_t bytes) { return journal.read(offset, bytes); };
  store::Sum trimmed_by_store;
  uint64_t expected = 0;
  for (const store::Ledger& ledger : ledgers) {
    if (ledger.from != expected)
      result.differences.push_back({expected, ledger.from, "the store has no books for these positions"});
    expected = ledger.to;
    for (size_t i = 0; i < store::outcome_count; ++i) result.store.by_outcome[i] += ledger.by_outcome[i];
    if (ledger.to <= trimmed.end) {
      trimmed_by_store += ledger.total();
      continue;
    }
    const Result<store::Sum> kept = sum_of_journal(read, ledger.from, ledger.to);
    if (!kept) {
      result.differences.push_back({ledger.from, ledger.to, "the journal cannot be read: " + kept.error().message});
      continue;
    }
    result.journal += *kept;
    if (*kept != ledger.total())
      result.differences.push_back(
          {ledger.from, ledger.to, "journal: " + describe(*kept) + "; store: " + describe(ledger.total())});
  }
  result.store.to = expected;
  if (expected != result.store_end)
    result.differences.push_back({expected, result.store_end, "the store has no books for these positions"});
  if (trimmed_by_store != trimmed.sum)
    result.differences.push_back(
        {0, trimmed.end,
         "trimmed from the journal: " + describe(trimmed.sum) + "; store: " + describe(trimmed_by_store)});
  if (depth == Depth::rows) {
    TRY_LET(const store::Recount rows, store.recount());
    const auto compare = [&](const store::Sum& found, store::Outcome outcome) {
      const store::Sum& booked = result.store.of(outcome);
      if (found != booked)
        result.differences.push_back(
            {0, result.store_end,
             std::string(to_string(outcome)) + ": rows: " + describe(found) + "; ledgers: " + describe(booked)});
    };
    compare(rows.locations_and_commands, store::Outcome::stored);
    compare(rows.quarantined, store::Outcome::quarantined);
  }
  return result;
}

}  // namespace waybill::ingest

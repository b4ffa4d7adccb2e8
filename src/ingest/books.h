// ingest/books.h — the books of journal and store, and whether they balance: docs/FORMATS.md, Ledger.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "journal/journal.h"
#include "store/store.h"

namespace waybill::ingest {

// What was trimmed from the journal: [0, end), a multiple of store::ledger_span.
struct Trimmed {
  uint32_t epoch = 0;
  uint32_t partition = 0;
  uint64_t end = 0;
  store::Sum sum;

  bool operator==(const Trimmed&) const = default;
};

// From and to the file `trimmed` of a data folder. A folder without one has trimmed nothing. corrupt: not our line.
Result<Trimmed> read_trimmed(Files& files, const std::string& path);
Result<void> write_trimmed(Files& files, const std::string& path, const Trimmed& trimmed);

// Reads records from an offset on: Journal::read or JournalReader::read.
using ReadRecords = std::function<Result<journal::ReadResult>(uint64_t offset, size_t bytes_max)>;

// Count and identities of [from, to) as the journal has them.
Result<store::Sum> sum_of_journal(const ReadRecords& read, uint64_t from, uint64_t to);

// What a process says of the positions [from, to): how many, and the sum of their identities, whatever became of them.
struct BookRow {
  uint64_t from = 0;
  uint64_t to = 0;
  store::Sum sum;

  bool operator==(const BookRow&) const = default;
};
// Of all positions below `below`, without gaps from 0 on, as far as the store's books and what is left of the journal say it.
Result<std::vector<BookRow>> book_rows(const ReadRecords& read, uint64_t journal_begin,
                                       const std::vector<store::Ledger>& ledgers, uint64_t below);

// One range whose books differ, with what each side says.
struct Difference {
  uint64_t from = 0;
  uint64_t to = 0;
  std::string what;
};

struct Balance {
  uint64_t journal_begin = 0;  // first offset that is still in the journal
  uint64_t journal_end = 0;
  uint64_t trimmed_end = 0;
  uint64_t store_end = 0;  // the store's watermark: compared up to here
  store::Ledger store;  // all ledgers together
  store::Sum journal;  // trimmed and read, up to store_end
  bool deep = false;
  std::vector<Difference> differences;

  bool balances() const { return differences.empty(); }
};

// Two sides' books of the same journal, compared where both have a border.
struct Comparison {
  uint64_t up_to = 0;  // compared below this
  std::vector<Difference> differences;
};
Comparison compare(const std::vector<BookRow>& here, const std::vector<BookRow>& there);

enum class Depth { ledgers, rows };  // rows: also re-reads everything that is stored

// Compares ledger by ledger what the journal holds (or held) with what the store says became of it.
Result<Balance> balance(journal::JournalReader& journal, const store::Store& store, const Trimmed& trimmed,
                        Depth depth);

}  // namespace waybill::ingest

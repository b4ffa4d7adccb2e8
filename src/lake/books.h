// lake/books.h — do the lake's books balance with the journal's and the store's, and its files with its books?
//
// Threads: pure functions, beside a writer too.
#pragma once

#include <array>
#include <vector>

#include "ingest/books.h"
#include "lake/catalog.h"

namespace waybill::lake {

struct Balance {
  uint64_t version = 0;  // of the catalog
  Watermark mark;
  uint64_t files = 0;  // of the raw tables, now
  uint64_t bytes = 0;
  std::array<store::Sum, kind_count> by_kind{};
  std::vector<ingest::Difference> differences;

  bool balances() const { return differences.empty(); }
};

// What the others say of the same positions.
struct Beside {
  uint32_t partition = 0;
  ingest::ReadRecords read;  // the journal …
  uint64_t journal_begin = 0;  // … from here on
  uint64_t journal_end = 0;
  std::vector<store::Ledger> store;
};

// Compares each of the lake's ledgers with the store's of the same positions, else with the journal's records, and the
// current files' rows with the ledgers. What neither store nor journal can say anything of any more is left as it is.
Result<Balance> balance(const Snapshot& lake, const Beside& beside);

// The same of the raw files with positions in [from, to) of a partition, before somebody else lets go of them. corrupt: what is
// there is not what the catalog says, with the first difference.
Result<void> reread_range(const Snapshot& lake, const Objects& objects, uint32_t partition, uint64_t from, uint64_t to);

// The lake by itself, without journal and store.
struct OwnBalance {
  uint64_t version = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t rows = 0;
  uint64_t others = 0;  // objects beside: replaced and not expired yet, or on their way
  std::vector<ingest::Difference> differences;
};
// The files against the ledgers; no position twice in a table; each file there with its size; each kept version readable.
Result<OwnBalance> own_balance(const Catalog& catalog, const Objects& objects);

// Reads every current file again: checksum, rows, identities. What differs from the catalog.
std::vector<ingest::Difference> reread(const Snapshot& lake, const Objects& objects);

}  // namespace waybill::lake

// transform/reconcile.h — does treated.location have every location of the raw tables once? Of the dates that it is made of now.
//
// Threads: pure functions, beside a writer too: of one snapshot.
// Failure: as Objects and Engine; what does not agree is no failure but a difference.
#pragma once

#include "lake/catalog.h"
#include "lake/copies.h"
#include "transform/engine.h"

namespace waybill::transform {

struct Reconciliation {
  std::optional<uint64_t> version =
      {};  // of the catalog, which treated.location is made of; nothing: it never was made
  uint64_t rows = 0;  // of treated.location
  uint64_t waiting = 0;  // rows of raw files that came since
  uint64_t dates = 0;  // compared
  std::vector<std::string> differences = {};
};

// By what the catalog says of the files.
Reconciliation reconcile(const lake::Snapshot& lake);
// Also by their rows: of each date the different identities of the raw tables, and the repeats beside them.
Result<Reconciliation> reconcile_rows(const lake::Snapshot& lake, const lake::Objects& objects, lake::Loan& loan,
                                      Engine& engine);

}  // namespace waybill::transform

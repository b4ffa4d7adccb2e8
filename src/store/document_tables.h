// store/document_tables.h — tables on a database of documents that changes one document at a time and knows no transactions.
//
// Invariant: one document, the state, says which batch was written last. A batch is whole in the collection `redo` before the state names it, and it
//            is written from then on: whoever opens the tables puts its rows once more. A row is of the batch with the highest number that has it,
//            whatever comes late or twice.
// Views:     a view shows one moment. The rows of a batch that is being put are read from memory by those who come after it; those who came before
//            it are waited for. One that is open for longer than view_ms_max while something is written is over: it answers overloaded.
// Durability: at once; flush() has nothing to write.
// Owner:     the first to open it has it. Others are refused (conflict). Of several with the same owner's number the last who opened it writes, the
//            others get a conflict at their next write. Who reads beside the owner sees the moment when it was opened, and gets unavailable for what was
//            changed since.
// Failure:   write() answers unavailable where the batch is not, and will not be, written. What cannot be put into the rows at once is put before
//            anything else is written.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "store/documents.h"
#include "store/tables.h"

namespace waybill::store {

enum class OpenTo : uint8_t { write, read };

struct DocumentTablesOptions {
  uint64_t owner = 0;  // a number by chance, kept as long as the journal that the store follows; not 0
  OpenTo to = OpenTo::write;
  std::chrono::milliseconds view_ms_max{10'000};
  // A change that was not answered is not made any more after this: so long what was removed leaves a mark that says so.
  std::chrono::milliseconds late_ms_max{60'000};
};

// not_found where there is nothing to read. The clock outlives it.
Result<std::unique_ptr<Tables>> open_document_tables(std::unique_ptr<Documents> documents,
                                                     const DocumentTablesOptions& options, Clock& clock);

std::string collection_of(Table table);

}  // namespace waybill::store

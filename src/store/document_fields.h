// store/document_fields.h — what a document says in words beside its row's bytes, with the names that the first system gave.
//
// Threads: pure functions. Failure: corrupt where the row is not what was written.
#pragma once

#include "store/documents.h"
#include "store/tables.h"

namespace waybill::store {

Result<std::vector<Shown>> shown_of(Table table, std::string_view key, std::string_view value);

}  // namespace waybill::store

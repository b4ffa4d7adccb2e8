// app/verify.h — `waybill verify`: do the books of a data folder and its lake balance? Also beside the process that writes them.
#pragma once

#include "app/config.h"
#include "app/data_folder.h"
#include "ingest/books.h"

namespace waybill::app {

// Prints what it found to standard output; true when everything balances.
Result<bool> run_verify(const Config& config, ingest::Depth depth);
// The same of a folder that is looked into already, or held; without the lake, which may be ahead of a restored folder.
Result<bool> verify_folder(const Config& config, const DataFolder& folder, ingest::Depth depth);

// What it would print.
Result<ingest::Balance> balance_of(const Config& config, const DataFolder& folder, ingest::Depth depth);

}  // namespace waybill::app

// store/table_store.h — the store's rules, once, over any engine's tables.
//
// Threads, Failure, Durability: as store/store.h and store/tables.h say.
#pragma once

#include <memory>

#include "store/store.h"
#include "store/tables.h"
#include "wire/erased_names.h"

namespace waybill::store {

// invalid where the tables are of a newer format; corrupt where their books do not reach their watermark.
Result<std::unique_ptr<Store>> open_table_store(std::unique_ptr<Tables> tables,
                                                std::shared_ptr<wire::ErasedNames> erased);

}  // namespace waybill::store

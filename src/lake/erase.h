// lake/erase.h — takes what names somebody who was erased out of a file of a raw table.
//
// Invariant: what goes moves in the books from its kind to erased, in the commit that replaces the file: their sum stays.
// Threads:   by the holder of the role, between its own writes.
// Failure:   corrupt: the file is not what the catalog says of it; nothing was changed. Else as Catalog and Objects.
#pragma once

#include "lake/catalog.h"
#include "wire/erased_names.h"

namespace waybill::lake {

// What one step of an erasure did with a file of a raw table.
struct ErasedFile {
  uint64_t rows = 0;  // that went or lost the name
  std::string key{};  // of the file that is there instead; empty where it stays
  bool more = true;  // there was a file that had not been looked at
};

// A file without rows stays where none is left, so that the models see that its dates changed.
Result<ErasedFile> erase_from(Objects& objects, Catalog& catalog, uint64_t claim, const DataFile& file,
                              const wire::ErasedNames& erased);

}  // namespace waybill::lake

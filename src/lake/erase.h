// lake/erase.h — takes what names somebody who was erased out of the raw tables, and says in the catalog how that stands.
//
// The catalog keeps a property for each erasure, with the hash of its name: whoever writes the lake knows by it who may not be in it.
// Invariant: what goes moves in the books from its kind to erased, in the commit that replaces the file: their sum stays.
// Threads:   by the holder of the role, between its own writes.
// Failure:   corrupt: the file is not what the catalog says of it; nothing was changed. Else as Catalog and Objects.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lake/catalog.h"
#include "wire/erased_names.h"

namespace waybill::lake {

// What one step of an erasure did with a file of a raw table.
struct ErasedFile {
  uint64_t rows = 0;  // that went or lost the name
  std::string key{};  // of the file that is there instead; empty where it stays
};

// How an erasure stands in the raw tables.
struct LakeErasure {
  Erasure::Kind kind = Erasure::Kind::deliverer;
  Hash128 name;
  bool done = false;
  uint64_t files = 0;  // written anew, together with those of erasures that were done in one go with it
  uint64_t rows = 0;  // that went or lost the name, in these

  bool operator==(const LakeErasure&) const = default;
};
std::string erasure_property(std::string_view position);  // of its record
std::string to_text(const LakeErasure& erasure);
// Nothing where the lake has not come to the record.
std::optional<LakeErasure> erasure_at(const Snapshot& lake, const std::string& property);
std::map<std::string, LakeErasure> erasures_of(const Snapshot& lake);  // by their properties

// A file without rows stays where none is left, so that the models see that its dates changed.
Result<ErasedFile> erase_from(Objects& objects, Catalog& catalog, uint64_t claim, const DataFile& file,
                              const wire::ErasedNames& erased);

// What was replaced up to now is gone, whoever still reads it. By any role.
Result<void> forget_replaced(Catalog& catalog, Clock& clock);

}  // namespace waybill::lake

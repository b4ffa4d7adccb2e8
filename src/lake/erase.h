// lake/erase.h — takes what names somebody who was erased out of the raw tables, and says in the catalog how that stands.
//
// The catalog keeps a property for each erasure, with the hash of its name: whoever writes the lake knows by it who may not be in it.
// Invariant: what goes moves in the books from its kind to erased, and is counted, in the commit that replaces the file: their sum
//            stays, and each erasure's counts are whole, whatever is killed.
// Threads:   by the holder of the role, between its own writes.
// Failure:   corrupt: the file is not what the catalog says of it; nothing was changed. Else as Catalog and Objects.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lake/catalog.h"
#include "wire/erased_names.h"

namespace waybill::lake {

// How an erasure stands in the raw tables.
struct LakeErasure {
  Erasure::Kind kind = Erasure::Kind::deliverer;
  Hash128 name;
  bool done = false;
  uint64_t files = 0;  // that had such rows
  uint64_t rows = 0;  // that went or lost the name

  bool operator==(const LakeErasure&) const = default;
};
std::string erasure_property(std::string_view position);  // of its record
std::string to_text(const LakeErasure& erasure);
// Nothing where the lake has not come to the record.
std::optional<LakeErasure> erasure_at(const Snapshot& lake, const std::string& property);
std::map<std::string, LakeErasure> erasures_of(const Snapshot& lake);  // by their properties

// Whose erasures are begun: taken out in one go, and each counted by itself. A row that names several is the first one's, and the
// next one's where something is left that names them, as if they had been taken out one after the other.
class Erasing {
 public:
  Erasing(const Snapshot& lake, const wire::ErasedNames& known);

  bool names_one(const auto& what) const { return all_.names_one(what); }
  // `rows`: of each, grows by one where it was named.
  wire::ErasedNames::Left take_out(wire::Record& record, std::vector<uint64_t>& rows) const;
  size_t count() const { return each_.size(); }

  using Properties = std::map<std::string, std::string>;  // what the catalog is to say
  Properties with(const std::vector<uint64_t>& rows) const;  // of one more file
  Properties done() const;

 private:
  struct One {
    One(std::string property, const LakeErasure& stands, const wire::ErasedNames& known);

    std::string property;
    LakeErasure stands;
    wire::ErasedNames name;
  };

  std::deque<One> each_;  // in the order of their records
  wire::ErasedNames all_;
};

// The key of the file that is there instead, empty where it stays. One without rows is there where none is left, so that the models
// see that its dates changed.
Result<std::string> erase_from(Objects& objects, Catalog& catalog, uint64_t claim, const DataFile& file,
                               const Erasing& erasing);

// What was replaced up to now is gone, whoever still reads it. By any role.
Result<void> forget_replaced(Catalog& catalog, Clock& clock);

}  // namespace waybill::lake

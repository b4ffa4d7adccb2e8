#include "store/store.h"

namespace waybill::store {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::stored: return "stored";
    case Outcome::repeat: return "repeat";
    case Outcome::quarantined: return "quarantined";
    case Outcome::purged: return "purged";
    case Outcome::erased: return "erased";
  }
  return "";
}

Sum Ledger::total() const {
  Sum sum;
  for (const Sum& part : by_outcome) sum += part;
  return sum;
}

}  // namespace waybill::store

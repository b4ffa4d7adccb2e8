#include "domain/erasure.h"

namespace waybill {

std::string_view to_string(Erasure::Kind kind) {
  switch (kind) {
    case Erasure::Kind::deliverer: return "deliverer";
    case Erasure::Kind::order: return "order";
  }
  return "";
}

std::optional<Erasure::Kind> parse_erasure_kind(std::string_view text) {
  for (const auto kind : {Erasure::Kind::deliverer, Erasure::Kind::order})
    if (text == to_string(kind)) return kind;
  return std::nullopt;
}

}  // namespace waybill

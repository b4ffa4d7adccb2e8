#include "lake/texts.h"

#include <algorithm>
#include <numeric>

#include "base/hash.h"

namespace waybill::lake {

void Texts::add(std::optional<std::string_view> text) { codes_.push_back(text ? code_of(*text) : none); }

uint32_t Texts::code_of(std::string_view text) {
  if (2 * (ends_.size() + 1) > slots_.size()) grow();
  const auto hash = static_cast<uint32_t>(hash64(as_bytes(text)));
  size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != none; slot = (slot + 1) & (slots_.size() - 1))
    if (hashes_[slots_[slot]] == hash && text_of(slots_[slot]) == text) return slots_[slot];
  slots_[slot] = static_cast<uint32_t>(ends_.size());
  kept_ += text;
  ends_.push_back(kept_.size());
  hashes_.push_back(hash);
  return slots_[slot];
}

void Texts::grow() {
  constexpr size_t slots_min = 64;
  slots_.assign(std::max(slots_min, 2 * slots_.size()), none);
  for (uint32_t code = 0; code < hashes_.size(); ++code) {
    size_t slot = hashes_[code] & (slots_.size() - 1);
    while (slots_[slot] != none) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = code;
  }
}

std::vector<uint32_t> Texts::ranks() const {
  std::vector<uint32_t> sorted(different());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::ranges::sort(sorted, {}, [this](uint32_t code) { return text_of(code); });
  std::vector<uint32_t> ranks(sorted.size());
  for (uint32_t rank = 0; rank < sorted.size(); ++rank) ranks[sorted[rank]] = rank;
  return ranks;
}

}  // namespace waybill::lake

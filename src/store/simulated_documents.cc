#include "store/simulated_documents.h"

namespace waybill::store {

Trouble SimulatedDocuments::next() const {
  Inner& inner = *inner_;
  ++inner.calls;
  for (size_t i = 0; i < inner.late.size();) {
    if (inner.late[i].at_call > inner.calls) {
      ++i;
      continue;
    }
    inner.late[i].change(inner.content);
    inner.late.erase(inner.late.begin() + static_cast<ptrdiff_t>(i));
  }
  if (inner.away) return Trouble::not_done;
  if (inner.calls == inner.trouble_call) return inner.trouble;
  if (inner.random.chance(inner.share)) return static_cast<Trouble>(1 + inner.random.below(5));
  return Trouble::none;
}

Result<void> SimulatedDocuments::change(Change change, size_t documents) {
  constexpr uint64_t late_calls_max = 12;
  const std::lock_guard lock(inner_->mutex);
  Inner& inner = *inner_;
  const Trouble trouble = next();
  const auto later = [&] {
    inner.late.push_back({inner.calls + 2 + inner.random.below(late_calls_max),
                          [change, documents](Content& content) { change(content, documents); }});
  };
  switch (trouble) {
    case Trouble::none: change(inner.content, documents); return {};
    case Trouble::twice:
      change(inner.content, documents);
      later();
      return {};
    case Trouble::lost: return {};
    case Trouble::not_done: return no_answer();
    case Trouble::done: change(inner.content, documents); return no_answer();
    case Trouble::half: change(inner.content, inner.random.below(documents + 1)); return no_answer();
    case Trouble::late: later(); return no_answer();
  }
  return {};
}

Result<std::vector<size_t>> SimulatedDocuments::put(const std::string& collection, std::span<const Document> documents,
                                                    IsStronger is_stronger) {
  auto stronger = std::make_shared<std::vector<size_t>>();
  TRY(change(
      [collection, is_stronger, stronger, all = std::vector<Document>(documents.begin(), documents.end())](
          Content& content, size_t count) {
        stronger->clear();
        for (size_t i = 0; i < count; ++i) {
          const auto there = content[collection].find(all[i].id);
          if (there != content[collection].end() && is_stronger(there->second, all[i]))
            stronger->push_back(i);
          else
            content[collection].insert_or_assign(all[i].id, all[i]);
        }
      },
      documents.size()));
  return *stronger;
}

Result<size_t> SimulatedDocuments::remove_below(const std::string& collection, By by, uint64_t below, size_t at_most) {
  auto taken = std::make_shared<size_t>(0);
  TRY(change(
      [=](Content& content, size_t) {
        *taken = 0;
        std::erase_if(content[collection], [&](const auto& row) {
          const Document& document = row.second;
          const bool goes = by == By::number     ? document.number < below
                            : by == By::position ? document.position && *document.position < below
                                                 : !document.value && document.number < below;
          return goes && *taken < at_most && ++*taken > 0;
        });
      },
      1));
  return *taken;
}

Result<std::optional<Document>> SimulatedDocuments::find(const std::string& collection, std::string_view id) const {
  const std::lock_guard lock(inner_->mutex);
  if (const Trouble trouble = next(); trouble != Trouble::none && trouble != Trouble::twice) return no_answer();
  const Rows& rows = inner_->content[collection];
  const auto found = rows.find(std::string(id));
  return found == rows.end() ? std::optional<Document>() : found->second;
}

Result<std::vector<Document>> SimulatedDocuments::read(const std::string& collection,
                                                       const DocumentRange& range) const {
  const std::lock_guard lock(inner_->mutex);
  if (const Trouble trouble = next(); trouble != Trouble::none && trouble != Trouble::twice) return no_answer();
  const Rows& rows = inner_->content[collection];
  std::vector<Document> found;
  if (range.backwards) {
    auto at = range.from_included ? rows.upper_bound(range.from) : rows.lower_bound(range.from);
    while (at != rows.begin() && found.size() < range.limit) {
      --at;
      if (at->first < range.end) break;
      found.push_back(at->second);
    }
    return found;
  }
  auto at = range.from_included ? rows.lower_bound(range.from) : rows.upper_bound(range.from);
  for (; at != rows.end() && found.size() < range.limit; ++at) {
    if (!range.end.empty() && at->first >= range.end) break;
    found.push_back(at->second);
  }
  return found;
}

void SimulatedDocuments::trouble_at(uint64_t call, Trouble trouble) {
  const std::lock_guard lock(inner_->mutex);
  inner_->calls = 0;
  inner_->trouble_call = call;
  inner_->trouble = trouble;
}

void SimulatedDocuments::trouble_by_chance(double share, uint64_t seed) {
  const std::lock_guard lock(inner_->mutex);
  inner_->share = share;
  inner_->random = Random(seed);
}

void SimulatedDocuments::go_away(bool away) {
  const std::lock_guard lock(inner_->mutex);
  inner_->away = away;
}

uint64_t SimulatedDocuments::calls() const {
  const std::lock_guard lock(inner_->mutex);
  return inner_->calls;
}

std::map<std::string, Document> SimulatedDocuments::all(const std::string& collection) const {
  const std::lock_guard lock(inner_->mutex);
  return inner_->content[collection];
}

void SimulatedDocuments::lose(const std::string& collection, const std::string& id) {
  const std::lock_guard lock(inner_->mutex);
  inner_->content[collection].erase(id);
}

}  // namespace waybill::store

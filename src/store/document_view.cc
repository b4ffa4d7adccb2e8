#include "store/document_view.h"

#include <algorithm>

#include "store/document_tables.h"
#include "store/living.h"
#include "store/rows.h"

namespace waybill::store {
namespace {

constexpr size_t page_first = 4;  // most who read want few rows; each page of the others is larger than the one before
constexpr size_t page_growth = 4;
constexpr size_t page_max = 1024;

// The first key behind all that begin with the prefix; empty where there is none.
std::string behind(std::string_view prefix) {
  std::string key(prefix);
  while (!key.empty() && key.back() == '\xff') key.pop_back();
  if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
  return key;
}

class DocumentView final : public View {
 public:
  DocumentView(const Documents& documents, Moments& moments, const Beside* beside)
      : documents_(documents), moments_(moments), beside_(beside), moment_(moments.enter()) {}
  ~DocumentView() override { moments_.leave(moment_); }
  DocumentView(const DocumentView&) = delete;
  DocumentView& operator=(const DocumentView&) = delete;

  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  std::unique_ptr<Cursor> cursor(Table table, std::string_view prefix) const override;

  const TableChanges* on_top(Table table) const {
    return moment_->on_top ? &(*moment_->on_top)[static_cast<size_t>(table)] : nullptr;
  }
  Result<std::vector<Document>> read(Table table, const DocumentRange& range) const {
    TRY_LET(auto documents, documents_.read(collection_of(table), range));
    TRY(check(table));
    for (Document& document : documents) TRY(check(table, document));
    return documents;
  }

 private:
  // Behind what was read: rows change only after the moment is over.
  Result<void> check(Table table) const {
    if (moments_.is_over(*moment_))
      return fail(Code::overloaded, "the store: this took longer than a view is kept for; ask for less or again");
    if (beside_ == nullptr || !has_positions(table)) return {};
    TRY_LET(const auto meta, documents_.find(collection_of(Table::meta), meta_key));
    if (!meta || !meta->value) return {};
    TRY_LET(const Meta now, decode_meta(*meta->value));
    if (now.purged > beside_->purged) return changed();
    return {};
  }
  Result<void> check(Table table, Document& document) const {
    if (beside_ == nullptr || document.number <= beside_->number) return {};
    if (const TableChanges* changes = on_top(table); changes && changes->contains(document.id)) return {};
    if (!document.value || !has_positions(table) ||
        last_position_of(table, document.id, *document.value) < beside_->visible || table == Table::order_hours ||
        table == Table::loose_hours)
      return changed();
    document.value.reset();
    return {};
  }
  static Result<void> changed() {
    return fail(Code::unavailable, "the store was written while it was read; read it again");
  }

  const Documents& documents_;
  Moments& moments_;
  const Beside* const beside_;
  const std::shared_ptr<Moment> moment_;  // shared: with the other views that show it
};

class DocumentCursor final : public Cursor {
 public:
  DocumentCursor(const DocumentView& view, Table table, std::string_view prefix)
      : view_(view), table_(table), prefix_(prefix), behind_(behind(prefix)) {}

  void seek(std::string_view key) override {
    start();
    if (behind_.empty() || key < behind_)
      fetch(std::string(std::max(key, std::string_view(prefix_))), true, Way::forward);
  }
  void seek_back(std::string_view key) override {
    start();
    const bool is_behind = !behind_.empty() && key >= behind_;
    if (key >= prefix_) fetch(is_behind ? behind_ : std::string(key), !is_behind, Way::back);
  }
  void next() override { move(Way::forward); }
  void previous() override { move(Way::back); }
  bool valid() const override { return at_ < rows_.size(); }
  std::string_view key() const override { return rows_[at_].key; }
  std::string_view value() const override { return rows_[at_].value; }
  Result<void> status() const override { return status_; }

 private:
  enum class Way : uint8_t { forward, back };
  struct Row {
    std::string key, value;
  };

  void start() {
    page_ = page_first;
    rows_.clear();
    at_ = 0;
    more_ = false;
    status_ = {};
  }

  void move(Way way) {
    if (way == way_ && at_ + 1 < rows_.size()) {
      ++at_;
    } else if (way == way_ && !more_) {
      at_ = rows_.size();
    } else {
      // Behind the last row, those that were taken away there included.
      std::string from = way == way_ ? std::move(reached_) : std::move(rows_[at_].key);
      fetch(std::move(from), false, way);
    }
  }

  void fetch(std::string from, bool included, Way way) {
    rows_.clear();
    at_ = 0;
    way_ = way;
    do {
      auto page = view_.read(table_, {.from = from,
                                      .from_included = included,
                                      .end = way == Way::forward ? behind_ : prefix_,
                                      .backwards = way == Way::back,
                                      .limit = page_});
      if (!page) {
        status_ = std::unexpected(page.error());
        more_ = false;
        return;
      }
      more_ = page->size() == page_;
      page_ = std::min(page_ * page_growth, page_max);
      reached_ = more_ ? page->back().id : std::string();
      merge(std::move(*page), from, included);
      from = reached_;
      included = false;
    } while (rows_.empty() && more_);
  }

  // The page and, over it, what is on top of the rows between where it begins and how far it reached.
  void merge(std::vector<Document> page, std::string_view from, bool included) {
    if (way_ == Way::back) std::ranges::reverse(page);
    static const TableChanges none;
    const TableChanges* const on_top = view_.on_top(table_);
    auto [change, end] = on_top ? changes_in(*on_top, from, included) : std::pair(none.end(), none.end());
    auto document = page.begin();
    while (document != page.end() || change != end) {
      const bool changed = change != end && (document == page.end() || change->first <= document->id);
      const bool replaced = changed && document != page.end() && change->first == document->id;
      if (!changed) {
        if (document->value) rows_.push_back({std::move(document->id), std::move(*document->value)});
        ++document;
        continue;
      }
      if (change->second) rows_.push_back({change->first, *change->second});
      ++change;
      if (replaced) ++document;
    }
    if (way_ == Way::back) std::ranges::reverse(rows_);
  }

  std::pair<TableChanges::const_iterator, TableChanges::const_iterator> changes_in(const TableChanges& changes,
                                                                                   std::string_view from,
                                                                                   bool included) const {
    if (way_ == Way::forward) {
      const auto begin = included ? changes.lower_bound(from) : changes.upper_bound(from);
      if (more_) return {begin, changes.upper_bound(reached_)};
      return {begin, behind_.empty() ? changes.end() : changes.lower_bound(behind_)};
    }
    const auto end = included ? changes.upper_bound(from) : changes.lower_bound(from);
    return {more_ ? changes.lower_bound(reached_) : changes.lower_bound(prefix_), end};
  }

  const DocumentView& view_;
  const Table table_;
  const std::string prefix_, behind_;
  size_t page_ = page_first;
  Way way_ = Way::forward;
  std::vector<Row> rows_;  // of the page, in the order of the way
  size_t at_ = 0;
  bool more_ = false;  // behind the page
  std::string reached_;  // how far it goes, where there are more
  Result<void> status_;
};

Result<bool> DocumentView::get(Table table, std::string_view key, std::string& value) const {
  if (const TableChanges* changes = on_top(table))
    if (const auto found = changes->find(key); found != changes->end()) {
      if (!found->second) return false;
      value = *found->second;
      return true;
    }
  TRY_LET(auto document, documents_.find(collection_of(table), key));
  TRY(check(table));
  if (!document) return false;
  TRY(check(table, *document));
  if (!document->value) return false;
  value = std::move(*document->value);
  return true;
}

std::unique_ptr<Cursor> DocumentView::cursor(Table table, std::string_view prefix) const {
  return std::make_unique<DocumentCursor>(*this, table, prefix);
}

}  // namespace

std::shared_ptr<Moment> Moments::go_on(std::shared_ptr<const Changes> on_top) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<Moment>();
  next->on_top = std::move(on_top);
  return std::exchange(now_, std::move(next));
}

bool Moments::wait_out(const std::shared_ptr<Moment>& moment, std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  if (left_.wait_for(lock, at_most, [&] { return moment->views == 0; })) return true;
  moment->over = true;
  return false;
}

std::shared_ptr<Moment> Moments::enter() {
  const std::lock_guard lock(mutex_);
  ++now_->views;
  return now_;
}

void Moments::leave(const std::shared_ptr<Moment>& moment) {
  const std::lock_guard lock(mutex_);
  if (--moment->views == 0) left_.notify_all();
}

bool Moments::is_over(const Moment& moment) const {
  const std::lock_guard lock(mutex_);
  return moment.over;
}

std::unique_ptr<View> open_document_view(const Documents& documents, Moments& moments, const Beside* beside) {
  return std::make_unique<DocumentView>(documents, moments, beside);
}

}  // namespace waybill::store

#include "store/living.h"

#include <algorithm>

#include "store/rows.h"
#include "wire/bytes.h"

namespace waybill::store {
namespace {

class LivingCursor final : public Cursor {
 public:
  LivingCursor(std::unique_ptr<Cursor> below, Table table, uint64_t purged)
      : below_(std::move(below)), table_(table), purged_(purged) {}

  void seek(std::string_view key) override {
    below_->seek(key);
    pass();
  }
  void seek_back(std::string_view key) override {
    below_->seek_back(key);
    pass_back();
  }
  void next() override {
    below_->next();
    pass();
  }
  void previous() override {
    below_->previous();
    pass_back();
  }
  bool valid() const override { return below_->valid(); }
  std::string_view key() const override { return below_->key(); }
  std::string_view value() const override { return below_->value(); }
  Result<void> status() const override { return below_->status(); }

 private:
  bool at_purged() const { return below_->valid() && is_purged(table_, below_->key(), below_->value(), purged_); }
  void pass() {
    while (at_purged()) below_->next();
  }
  void pass_back() {
    while (at_purged()) below_->previous();
  }

  std::unique_ptr<Cursor> below_;
  Table table_;
  uint64_t purged_;
};

class LivingView final : public View {
 public:
  LivingView(std::unique_ptr<View> below, uint64_t purged) : below_(std::move(below)), purged_(purged) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    TRY_LET(const bool there, below_->get(table, key, value));
    return there && !is_purged(table, key, value, purged_);
  }
  std::unique_ptr<Cursor> cursor(Table table, std::string_view prefix) const override {
    auto cursor = below_->cursor(table, prefix);
    if (purged_ == 0 || !has_positions(table)) return cursor;
    return std::make_unique<LivingCursor>(std::move(cursor), table, purged_);
  }
  uint64_t purged() const override { return purged_; }

 private:
  std::unique_ptr<View> below_;
  uint64_t purged_;
};

}  // namespace

bool has_positions(Table table) { return std::ranges::find(purged_tables, table) != purged_tables.end(); }

uint64_t last_position_of(Table table, std::string_view key, std::string_view value) {
  switch (table) {
    case Table::location:
    case Table::client_id: return offset_of(value);
    // Of format 1 there is no bound: it goes with its order or deliverer.
    case Table::order_hours:
    case Table::loose_hours: {
      const uint64_t until = offset_of(value);
      return until == UINT64_MAX ? never_goes : until - 1;
    }
    case Table::command: return key.size() < 8 ? never_goes : be64_of(key.substr(key.size() - 8));
    case Table::quarantine: return be64_of(key);
    case Table::meta:
    case Table::order:
    case Table::deliverer:
    case Table::assigned:
    case Table::updated:
    case Table::ledger:
    case Table::grant:
    case Table::hook:
    case Table::outbox:
    case Table::erasure: return never_goes;
  }
  return never_goes;
}

LivingTables::LivingTables(std::unique_ptr<Tables> below, uint64_t purged)
    : below_(std::move(below)), purged_(purged) {}

void LivingTables::hide_below(uint64_t purged) { purged_ = purged; }

Result<bool> LivingTables::get(Table table, std::string_view key, std::string& value) const {
  TRY_LET(const bool there, below_->get(table, key, value));
  return there && !is_purged(table, key, value, purged_.load(std::memory_order_acquire));
}

std::unique_ptr<View> LivingTables::view() const {
  // The boundary first: what it hides was let go before the moment that the view shows.
  const uint64_t purged = purged_.load(std::memory_order_acquire);
  return std::make_unique<LivingView>(below_->view(), purged);
}

}  // namespace waybill::store

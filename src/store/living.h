// store/living.h — tables as retention leaves them: a row whose position was let go is not there, whoever asks.
//
// Threads: as Tables; hide_below() from the thread that writes.
// Cost:    nothing before the first purge; then the first bytes of each location's row that is passed.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "store/tables.h"

namespace waybill::store {

// The row goes when positions up to and including this one are let go; never where it is never_goes.
uint64_t last_position_of(Table table, std::string_view key, std::string_view value);
inline constexpr uint64_t never_goes = UINT64_MAX;
inline bool is_purged(Table table, std::string_view key, std::string_view value, uint64_t purged) {
  return purged != 0 && last_position_of(table, key, value) < purged;
}

// The tables that have rows with a position of their own: the others change by writing only.
inline constexpr std::array purged_tables = {Table::location, Table::order_hours, Table::loose_hours,
                                             Table::command,  Table::client_id,   Table::quarantine};
bool has_positions(Table table);

class LivingTables final : public Tables {
 public:
  LivingTables(std::unique_ptr<Tables> below, uint64_t purged);

  void hide_below(uint64_t purged);  // for what is asked from now on

  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  std::unique_ptr<View> view() const override;
  std::unique_ptr<Batch> batch() override { return below_->batch(); }
  Result<void> write(Batch& batch) override { return below_->write(batch); }
  Result<void> flush() override { return below_->flush(); }
  Result<bool> remove_purged(uint64_t below) override { return below_->remove_purged(below); }
  Result<void> rewrite_all() override { return below_->rewrite_all(); }

 private:
  std::unique_ptr<Tables> below_;
  std::atomic<uint64_t> purged_;
};

}  // namespace waybill::store

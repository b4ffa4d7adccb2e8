// store/sweep.h — takes what names one who was erased out of all rows, table by table, some rows at a time.
//
// Invariant: what stands for a row goes with it in one batch: its index rows that must have it, and its place in the books, which
//            moves from stored or quarantined to erased. Where only a name is taken out, the identity's difference moves.
// Threads:   one at a time, never while anything else is written.
// Failure:   as Tables; the next step looks at the same rows again.
// Limits:    sweep_rows_max rows looked at by one step.
#pragma once

#include <memory>
#include <string>

#include "store/intake.h"
#include "wire/erased_names.h"

namespace waybill::store {

class Sweep {
 public:
  Sweep(Tables& tables, Intake& intake, const wire::ErasedNames& known, const Erasure& erasure);

  bool is_of(const Erasure& erasure) const { return erasure == of_; }

  Result<Swept> step();  // without more: all tables were looked through, the next one begins again

 private:
  struct Row {
    Table table;
    std::string_view key, value;
  };

  Result<void> look(const View& view, const Row& row);
  Result<void> look_at_location(const Row& row);
  Result<void> look_at_order(const View& view, const Row& row);
  Result<void> look_at_deliverer(const View& view, const Row& row);
  Result<void> look_at_record(const View& view, const Row& row);
  Result<void> look_at_quarantined(const Row& row);
  Result<bool> is_of_erased(const Row& row) const;  // of rows that go without anything else
  Result<bool> is_gone(const NewestRow& copy) const;

  void remove(const Row& row);
  void replace(const Row& row, std::string_view value);
  Rebooked::mapped_type& books_of(uint64_t offset) { return rebooked_[offset / ledger_span]; }

  Tables& tables_;
  Intake& intake_;
  const Erasure of_;
  const wire::ErasedNames erased_;  // that one only: others are taken out, and counted, when it is their turn
  std::unique_ptr<Batch> batch_;
  Rebooked rebooked_;  // of the step at hand
  Swept swept_;  // the same
  size_t table_ = 0;  // where the next step goes on
  std::string reached_;
  std::string bytes_;  // scratch
};

}  // namespace waybill::store

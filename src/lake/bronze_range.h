// lake/bronze_range.h — a range of positions on its way into the lake: its rows by table, and its books.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "lake/bronze_rows.h"
#include "lake/catalog.h"
#include "lake/layout.h"
#include "wire/erased_names.h"

namespace waybill::lake {

class BronzeRange {
 public:
  // `erased`: what names them is in the books only; null: nobody is told apart. It outlives the range.
  explicit BronzeRange(const wire::ErasedNames* erased = nullptr) : erased_(erased) {}

  // Whether a record of this epoch and time belongs to the range; any does to an empty one.
  bool takes(const Position& position, Time received_at) const;
  // The next record; `decoded` is null where it cannot be decoded. It was asked for before whether the range takes it.
  void add(const Position& position, Time received_at, const wire::Record* decoded, Bytes bytes);

  bool empty() const { return to_ == from_.offset; }
  const Position& from() const { return from_; }
  uint64_t to() const { return to_; }
  const IngestHour& hour() const { return hour_; }
  uint64_t bytes() const { return bytes_; }  // of its records
  const std::vector<Ledger>& ledgers() const { return ledgers_; }

  // A file of each table that has rows, and what the catalog says of it. The range is empty then.
  struct File {
    DataFile entry;
    std::string content;
  };
  Result<std::vector<File>> take_files(uint32_t generation);

 private:
  void take(const Position& position, const wire::Record& record);
  void book(Kind kind, const EventId& id, uint64_t offset);
  void carry(const EventId& difference);  // of the position booked last: what its row's identity lacks

  const wire::ErasedNames* erased_;
  Position from_;
  uint64_t to_ = 0;
  Time hour_begin_{};
  IngestHour hour_;
  uint64_t bytes_ = 0;
  std::vector<Ledger> ledgers_;
  LocationRows locations_;
  CommandRows commands_;
  QuarantineRows quarantine_;
  std::array<store::Sum, kind_count> sums_{};
  std::set<std::chrono::sys_days> fix_days_;
  std::chrono::sys_days newest_day_{std::chrono::days(INT32_MIN)};
};

}  // namespace waybill::lake

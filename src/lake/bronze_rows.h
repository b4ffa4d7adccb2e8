// lake/bronze_rows.h — rows of the bronze tables on their way into a Parquet file and back (docs/FORMATS.md, Lake).
//
// Threads: an object belongs to one thread at a time.
// Failure: to_parquet: unavailable with the writer's words. read_…: corrupt for bytes that are not a whole file of this
//          table (also a page whose checksum is wrong); a column that is not known is passed over, a nullable one that is
//          missing reads as null: files of before and after a new nullable column are read alike.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/position.h"
#include "domain/order.h"
#include "wire/record.h"

namespace waybill::lake {

// Collects rows in any order; the file has them by deliverer (by order where none is named), fix time, position.
class LocationRows {
 public:
  LocationRows();
  ~LocationRows();
  void add(const Position& position, const Location& location);
  size_t size() const;
  Result<std::string> to_parquet();  // the whole file; the rows are gone then

 private:
  struct Columns;
  std::unique_ptr<Columns> columns_;
};

// By position.
class CommandRows {
 public:
  CommandRows();
  ~CommandRows();
  void add(const Position& position, const OrderCommand& command);
  size_t size() const;
  Result<std::string> to_parquet();

 private:
  struct Columns;
  std::unique_ptr<Columns> columns_;
};

// By position. A record that could not be decoded is one with an empty source and its bytes as `raw`.
class QuarantineRows {
 public:
  QuarantineRows();
  ~QuarantineRows();
  void add(const Position& position, const EventId& id, const wire::Quarantined& item);
  size_t size() const;
  Result<std::string> to_parquet();

 private:
  struct Columns;
  std::unique_ptr<Columns> columns_;
};

// Calls `row` for each row in the file's order; what it is given lives until it returns.
Result<void> read_locations(Bytes file, const std::function<void(const Position&, const Location&)>& row);
Result<void> read_commands(Bytes file, const std::function<void(const Position&, const OrderCommand&)>& row);
Result<void> read_quarantine(Bytes file,
                             const std::function<void(const Position&, const EventId&, const wire::Quarantined&)>& row);

}  // namespace waybill::lake

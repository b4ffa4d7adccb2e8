// store/tables.h — ordered tables of bytes that are written together: what an engine offers so that a store can stand on it.
//
// Order:      keys are compared as unsigned bytes.
// Durability: what was written is read at once and survives a crash after flush(); all tables fall back to one moment.
// Threads:    write() from one thread, flush() from one thread (it may be another); everything else from any thread. A View,
//             a Cursor and a Batch belong to one thread at a time and do not outlive their Tables.
// Failure:    write() takes the whole batch or nothing; overloaded where the engine cannot keep up or the disk is full.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::store {

enum class Table : uint8_t {
  meta,
  location,
  order,
  order_hours,
  loose_hours,
  deliverer,
  assigned,
  command,
  updated,
  client_id,
  quarantine,
  ledger,
  grant,
  hook,
  outbox,
  erasure,
};

// By Table. RocksDB calls the one that is always there `default`.
inline constexpr std::array<std::string_view, 16> table_names = {
    "default", "location",  "order",      "order_hours", "loose_hours", "deliverer", "assigned", "command",
    "updated", "client_id", "quarantine", "ledger",      "grant",       "hook",      "outbox",   "erasure"};
inline constexpr size_t table_count = table_names.size();

class Batch {
 public:
  virtual ~Batch() = default;
  virtual void put(Table table, std::string_view key, std::string_view value) = 0;
  virtual void remove(Table table, std::string_view key) = 0;
  virtual void clear() = 0;
};

// Walks the rows whose keys begin with the prefix it was opened for. key() and value() hold until it moves.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void seek(std::string_view key) = 0;  // the first row at or behind the key
  virtual void seek_back(std::string_view key) = 0;  // the last row at or before the key
  virtual void next() = 0;
  virtual void previous() = 0;
  virtual bool valid() const = 0;  // false behind the end, and after a failure
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Result<void> status() const = 0;
};

// All tables at one moment.
class View {
 public:
  virtual ~View() = default;
  virtual Result<bool> get(Table table, std::string_view key, std::string& value) const = 0;  // whether it is there
  virtual std::unique_ptr<Cursor> cursor(Table table, std::string_view prefix) const = 0;
  virtual uint64_t purged() const {
    return 0;
  }  // rows of positions below it are not shown; an engine shows all that it has
};

class Tables {
 public:
  virtual ~Tables() = default;  // does not flush
  virtual Result<bool> get(Table table, std::string_view key, std::string& value) const = 0;
  virtual std::unique_ptr<View> view() const = 0;
  virtual std::unique_ptr<Batch> batch() = 0;
  virtual Result<void> write(Batch& batch) = 0;
  virtual Result<void> flush() = 0;
  // Removes rows of positions below `below` (store/living.h): a bounded amount now, others whenever it suits. What says that
  // they may go is durable. Whether it is worth calling again. From the thread of flush().
  virtual Result<bool> remove_purged(uint64_t below) = 0;
  // Writes all files anew, so that none holds bytes of a row that was removed or replaced. From the thread of flush().
  virtual Result<void> rewrite_all() = 0;
};

}  // namespace waybill::store

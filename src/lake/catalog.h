// lake/catalog.h — which files are the lake, now and at any version before: the only place that says so.
//
// Order:    versions 1, 2, 3 … without gaps; each is one commit, made by whoever was first to put its object.
// Delivery: a commit is durable and seen by everybody when commit() has returned; all of it or nothing is.
// Invariant: a file that a version names was put before it. Positions of a partition are taken once: a commit that moves a
//            watermark begins where the current one ends.
// Fencing:  each writing role ("bronze", "transform" …) claims a number before it commits; a commit under a number that is
//           not the role's newest is refused, so one that was thought dead and is not changes nothing.
// Threads:  all methods from any thread.
// Failure:  conflict: the commit does not fit what is current any more (a file that it removes is gone, a watermark that
//           does not join, a lower claim): nothing was changed. unavailable: it may have happened; refresh() and look for the
//           change's id before trying again (commit() does so itself as long as the store answers). corrupt: a version's
//           object is not what was written.
// Format:   docs/FORMATS.md, Lake catalog.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/position.h"
#include "lake/objects.h"
#include "store/ledger.h"

namespace waybill::lake {

struct DataFile {
  std::string key;
  std::string table;  // "raw.deliverer_location", "treated.location"
  std::string date;  // of its partition, "2026-11-29"; empty where the table has none
  int hour = -1;  // of its partition; -1 where the table has none
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint32_t crc32c = 0;  // of the whole object
  uint64_t changed = 0;  // the version that brought its newest rows: a file that only rewrites others keeps theirs
  std::vector<std::string> dates{};  // of the fixes in it, sorted; what a model by event date has to read
  // Of bronze files only: positions [from, to) of the partition are in it as far as they belong to its table.
  std::optional<Position> from{};
  uint64_t to = 0;
  uint32_t generation = 0;
  Hash128 ids{};  // sum of its rows' identities

  bool operator==(const DataFile&) const = default;
};

// Bronze has taken custody of every position below `end`, from `begin` on (where the lake was switched on).
struct Watermark {
  uint32_t epoch = 0;  // of the record before `end`
  uint64_t begin = 0;
  uint64_t end = 0;

  bool operator==(const Watermark&) const = default;
};

// What became of positions in bronze: each has exactly one kind.
enum class Kind : uint8_t {
  location,
  command,
  quarantined,
  other,  // credentials, webhooks and erasures: not in the lake
  erased  // was one of the first three, and was taken out for good
};
inline constexpr size_t kind_count = 5;
std::string_view to_string(Kind kind);

// The books of positions [from, to) of a partition; within one span of store::ledger_span.
struct Ledger {
  uint32_t partition = 0;
  uint64_t from = 0;
  uint64_t to = 0;
  std::array<store::Sum, kind_count> by_kind{};

  store::Sum total() const;
  bool operator==(const Ledger&) const = default;
};

struct Snapshot {
  uint64_t version = 0;  // 0: nothing was ever committed
  Time made_at{};
  std::map<std::string, DataFile> files;  // by key
  std::map<uint32_t, Watermark> watermarks;  // by partition
  std::map<std::pair<uint32_t, uint64_t>, Ledger> ledgers;  // by partition and from div ledger_span
  std::map<std::string, uint64_t> claims;  // by role
  std::map<std::string, std::string> properties;  // small texts of the roles, set in the commit that they belong to

  std::vector<const DataFile*> of_table(std::string_view table) const;  // by key
  // Count and identities of the positions [begin, end) of a partition; nothing where `end` is within a span, unless it is the
  // watermark's.
  std::optional<store::Sum> sum(uint32_t partition, uint64_t begin, uint64_t end) const;
};

struct Change {
  std::string role;
  uint64_t claim = 0;
  std::string what;  // for the history: "bronze", "compact", "transform treated.location"
  std::vector<DataFile> add{};  // `changed` 0: this version's
  std::vector<std::string> remove{};  // keys
  std::map<uint32_t, Watermark>
      watermarks{};  // by partition: move to here, from where they are; a first one brings `begin`
  std::vector<Ledger>
      ledgers{};  // of exactly the positions between the old end and the new; of spans that are there: added
  std::vector<Ledger>
      moved{};  // of positions that are there: what moves from one kind to another, less than nothing where it came from
  std::map<std::string, std::string> set{};  // properties; an empty value removes one

  bool operator==(const Change&) const = default;
};

// A line of the history.
struct Version {
  uint64_t number = 0;
  Time made_at{};
  std::string role;
  std::string what;
  uint64_t files_added = 0;
  uint64_t files_removed = 0;
  uint64_t rows_added = 0;
};

class Catalog {
 public:
  virtual ~Catalog() = default;

  virtual Result<void> refresh() = 0;  // to the newest version
  virtual std::shared_ptr<const Snapshot> now() const = 0;  // of the last refresh() or commit()
  virtual Result<uint64_t> claim(const std::string& role) = 0;
  virtual Result<uint64_t> commit(Change change) = 0;  // the version that it became
  virtual Result<std::vector<Version>> history(size_t at_most) const = 0;  // the newest that are kept, oldest first
  // Forgets the versions made before the time and removes the files that a commit before it let go; how many went. Whoever
  // still reads by a state of before then finds them gone.
  virtual Result<uint64_t> expire(Time before) = 0;
  // Removes what is below `prefix` and named by no version that is kept: left by a commit that did not come to be. Only by the
  // role that alone writes there, with nothing of its own on the way; how many.
  virtual Result<uint64_t> remove_unnamed(const std::string& prefix) = 0;
};

struct CatalogOptions {
  uint64_t checkpoint_every = 64;  // versions: so many objects are read at most to know the newest state, and one
};

// Reads the newest state; a lake that is empty is version 0.
Result<std::unique_ptr<Catalog>> open_catalog(Objects& objects, Clock& clock, CatalogOptions options = {});

}  // namespace waybill::lake

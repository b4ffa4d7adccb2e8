// store/documents.h — a database of documents, as MongoDB is one: what it offers so that tables can stand on it.
//
// Order:      the documents of a collection are ordered by id, as unsigned bytes.
// Durability: what was answered is on the disks of a majority and is read from then on.
// Doubt:      after an error each document of a change may have been changed, not changed, or be changed later still. The same change can be made
//             again: of two that were made to a document the one with the higher number stays, whichever came last.
// Threads:    all methods from any thread.
// Failure:    unavailable, overloaded: make it again; denied: it does not let us in; invalid: it cannot do what is asked of it; corrupt: a document
//             is not one of ours, or it says that it changed fewer than it was told to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace waybill::store {

// Stands beside the value for whoever reads the database by other means; it is not read back.
struct Shown {
  std::string name;
  std::variant<std::string, int64_t, double, Time> value;
  bool operator==(const Shown&) const = default;
};

struct Document {
  std::string id;  // any bytes
  uint64_t number = 0;  // of the change that made it so; below 2^63
  std::optional<std::string> value{};  // none: it was removed, and says so for a while
  std::optional<uint64_t> position{};  // it may go with the positions up to this one; below 2^63
  std::vector<Shown> shown{};
};

struct DocumentRange {
  std::string from;
  bool from_included = true;
  std::string end{};  // not included; empty: to the end. Backwards: the first one that is included
  bool backwards = false;
  size_t limit = 1;
};

// What is not replaced: documents of a higher number, or of the same one as well, which is for a change of one document only: whether it was made
// before is not told apart.
enum class Stays : uint8_t { higher, same_or_higher };
enum class By : uint8_t { number, position, removed };  // removed: the number of one that was

// What is in them, so that an adapter knows what will be searched for.
struct Collection {
  std::string name;
  bool by_position = false;
};

class Documents {
 public:
  virtual ~Documents() = default;
  virtual Result<void> make(std::span<const Collection> collections) = 0;  // those that are missing, with their indexes
  virtual Result<std::optional<Document>> find(const std::string& collection, std::string_view id) const = 0;
  // Fewer than the limit: there are no more. Those that were removed are among them.
  virtual Result<std::vector<Document>> read(const std::string& collection, const DocumentRange& range) const = 0;
  // Each where nothing is of its id; the places in the list of those where something is. Ids differ.
  virtual Result<std::vector<size_t>> insert(const std::string& collection, std::span<const Document> documents) = 0;
  // Each where nothing of its id stays; the places of those where something does. Ids differ.
  virtual Result<std::vector<size_t>> replace(const std::string& collection, std::span<const Document> documents,
                                              Stays stays) = 0;
  // Takes away for good; how many.
  virtual Result<size_t> remove_below(const std::string& collection, By by, uint64_t below, size_t at_most) = 0;
};

inline constexpr size_t documents_max = 500;  // of one insert or replace …
inline constexpr size_t documents_bytes_max = 4 << 20;  // … and bytes of their values, unless a single one has more

}  // namespace waybill::store

// lake/objects.h — where the lake's files are: named objects, each written whole, in a folder or in an S3 bucket.
//
// Names:    keys of printable ASCII with '/' between their parts, without an empty part, "." or ".."; at most key_bytes_max,
//           a part at most key_part_bytes_max.
//           A key is never the folder of another.
// Delivery: an object is there, whole and durable, when put() has returned; nobody ever sees a part of one. After a put() that
//           said unavailable it may be there or not, at once or a little later: whoever must know asks for it and compares.
// Order:    what one put() did is seen by every get() and list() that begins after it, of any process.
// Threads:  all methods from any thread.
// Failure:  invalid: a key that is none. conflict: put with only_new, and it is there (of several at the same time, one is
//           the first). not_found: get. denied: the store does not let us. overloaded: no room, or the store asks for
//           slowness and its retries are used up. unavailable: anything else, tried again as often as the adapter is told.
// Contract: lake/objects_contract.h, which every adapter passes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace waybill::lake {

inline constexpr size_t key_bytes_max = 900;
inline constexpr size_t key_part_bytes_max = 255;  // what a file may be called

enum class IfThere { replace, conflict };

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;

  bool operator==(const ObjectInfo&) const = default;
};

class Objects {
 public:
  virtual ~Objects() = default;

  virtual Result<void> put(const std::string& key, Bytes content, IfThere if_there) = 0;
  // The content of a file of this machine, which stays. For what is too large to hold.
  virtual Result<void> put_file(const std::string& key, const std::string& path, IfThere if_there) = 0;
  virtual Result<std::string> get(const std::string& key) const = 0;
  // All whose key begins with `prefix` and is behind `after`, sorted by their bytes.
  virtual Result<std::vector<ObjectInfo>> list(const std::string& prefix, const std::string& after) const = 0;
  virtual Result<void> remove(const std::string& key) = 0;  // fine where it is not there

  // How DuckDB and other readers name what is below: "/srv/data/lake" or "s3://bucket/prefix".
  virtual std::string url() const = 0;
};

// A file that no version of the catalog names yet. One of that name was left by a process that died before it could commit:
// only the holder of a role writes where it writes.
Result<void> put_unnamed(Objects& objects, const std::string& key, Bytes content);

// Whether the text may name an object; invalid where it may not.
bool is_key(std::string_view key);
Result<void> check_key(const std::string& key);

}  // namespace waybill::lake

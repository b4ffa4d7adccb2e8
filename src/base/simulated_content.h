// base/simulated_content.h — the bytes of one simulated file: as they are read, and what of them is on the disk.
//
// Threads: Content from one at a time; a Node's members with its mutex held.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "base/simulated_files.h"

namespace waybill::simulated {

// Bytes in chunks; a missing chunk is zeros.
class Content {
 public:
  uint64_t size() const { return size_; }
  void read(uint64_t offset, std::span<std::byte> into) const;  // within size()
  std::string copy(uint64_t offset, uint64_t count) const;
  void write(uint64_t offset, Bytes bytes);  // makes it longer where needed
  void resize(uint64_t size);

 private:
  static constexpr size_t chunk_bytes = 64 << 10;
  using Chunk = std::array<std::byte, chunk_bytes>;

  template <class Visit>
  static void each_piece(uint64_t offset, size_t total, Visit visit);

  uint64_t size_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

// What was done to a file and is not durable, with what is needed to undo it.
struct Change {
  bool write = true;  // otherwise a truncate
  uint64_t offset = 0;
  uint64_t count = 0;
  uint64_t size_before = 0;
  uint64_t size_after = 0;
  std::string old;  // of a write: what it covered; of a truncate: what it cut off
};

// Bytes that can be read and that a failed sync forgot: the disk still has these.
struct Lost {
  uint64_t offset = 0;
  std::string on_disk;
};

struct Node {
  Node(std::atomic<uint64_t>& used, bool is_folder) : used_bytes(used), folder(is_folder) {}
  ~Node() { used_bytes -= content.size(); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void write(uint64_t offset, Bytes bytes);
  void truncate(uint64_t size);
  void forget_some(Random& random);               // as a kernel that marks pages clean whose writing failed
  void crash(Random& random, Unsynced unsynced);  // leaves what a power loss leaves

  std::mutex mutex;
  std::atomic<uint64_t>& used_bytes;
  const bool folder;
  Content content;
  std::vector<Change> changes;
  std::vector<Lost> lost;

 private:
  void write_again(uint64_t offset, uint64_t count);
  void redo(const Change& change, const std::string& written, Random& random);
  void redo_first(const std::vector<std::string>& written, Random& random);
};

}  // namespace waybill::simulated

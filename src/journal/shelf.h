// journal/shelf.h — the segments of a folder in the order of their offsets, and the reading of records out of them.
//
// Threads: all methods from any thread.
// Failure: read: not_found below begin(), corrupt where bytes are damaged: names the segment, the place and the offsets.
// Memory:  one mark for each mark_bytes of what was written or read, open_files_max files, and one block a read.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "journal/journal.h"
#include "journal/scan.h"
#include "journal/segment.h"

namespace waybill::journal {

inline constexpr size_t open_files_max = 16;  // kept open for reading, the one that was read longest ago is closed
inline constexpr size_t remembered_max = 8;  // next places of sequential readers; the oldest is forgotten

class Shelf {
 public:
  Shelf(Files& files, std::string folder);

  void add(const Segment& segment);  // behind the others
  void mark(const Mark& mark);  // a frame of the last one
  void drop_oldest();
  // The file of `segment` is another one from now on. With a name: once that was renamed to the segment's, which happens in the
  // same moment for everybody who reads. not_found: it is not here any more.
  Result<void> replace(const Segment& segment, const std::optional<std::string>& renamed_from);

  bool empty() const;
  size_t size() const;
  std::vector<Segment> all() const;
  // One that is not the last, with the offset behind its last record.
  struct Closed {
    Segment segment;
    uint64_t end = 0;
  };
  std::optional<Closed> closed(uint64_t first) const;
  std::vector<SegmentStatus> status() const;
  uint64_t begin() const;  // 0 where there is none
  std::optional<Segment> last() const;
  std::optional<Segment> oldest_below(uint64_t offset) const;  // one that holds nothing else, never the last one

  // Records [offset, end) of one epoch, as Journal::read().
  Result<ReadResult> read(uint64_t offset, uint64_t end, size_t bytes_max);

 private:
  struct Standing {
    Segment segment;
    std::vector<Mark> marks;  // ascending
  };
  // Where to begin in order to come to an offset.
  struct Spot {
    Segment segment;
    std::shared_ptr<File> file;  // shared: a reader keeps it when it is trimmed or closed meanwhile
    std::optional<uint64_t> next_segment;
    Mark from;
  };
  struct Remembered {
    uint64_t offset = 0;
    uint64_t segment = 0;
    Mark at;
  };
  enum class Filled { yes, no };

  Result<Spot> find(uint64_t offset);
  Result<std::shared_ptr<File>> file_of(const Segment& segment);
  Result<Filled> read_segment(const Spot& spot, uint64_t& next, uint64_t end, size_t bytes_max, Records& records);
  Result<Mark> beyond_damage(const Spot& spot, const Mark& damaged, uint64_t wanted, uint64_t end) const;
  void learn(const Spot& spot, const Mark& mark);
  void remember(uint64_t offset, const Spot& spot, const Mark& at);

  Files& files_;
  const std::string folder_;
  mutable std::mutex mutex_;
  std::deque<Standing> standing_;
  std::deque<std::pair<uint64_t, std::shared_ptr<File>>> open_;  // by first offset, the one used last at the back
  std::array<Remembered, remembered_max> remembered_;
  size_t next_remembered_ = 0;
};

}  // namespace waybill::journal

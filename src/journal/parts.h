// journal/parts.h — the bytes of a journal's files that hold the records below an offset: what a copy of a journal is made of.
//
// Invariant: the bytes of a part never change: a copy of an earlier part of the same segment is the beginning of a later one.
// Threads:   beside a writer; the caller sees to it that nothing is trimmed meanwhile.
#pragma once

#include "base/clock.h"
#include "journal/epochs.h"
#include "journal/segment.h"

namespace waybill::journal {

struct SegmentPart {
  std::string name;  // in the journal's folder
  uint64_t first = 0;
  uint32_t salt = 0;  // with first and name it tells this segment from any other journal's
  uint64_t bytes = 0;  // from the file's start on
};

struct Parts {
  uint64_t begin = 0;  // [begin, end)
  uint64_t end = 0;
  uint32_t partition = 0;
  Epochs epochs;
  std::vector<SegmentPart> segments;  // ascending; none that holds no record below end
};

// `end`: at most the writer's durable_end(). corrupt where the records of the last part cannot be read up to there.
Result<Parts> parts_below(Files& files, const std::string& folder, uint64_t end);

// In a folder to which all parts were copied and that nobody has opened yet: the journal goes on at their end under a new epoch.
Result<void> begin_epoch(Files& files, const std::string& folder, const Parts& parts, uint32_t epoch, Time now);

}  // namespace waybill::journal

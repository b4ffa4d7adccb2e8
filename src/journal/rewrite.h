// journal/rewrite.h — a segment once more, with other records at some of its offsets.
//
// Order:   the same offsets in the same order, under another salt, in a file of its own beside the segment until that is replaced.
// Failure: corrupt where the segment cannot be read to its end; nothing was changed. Else as Files; what was made half is removed
//          now, or when the journal is opened.
// Memory:  two blocks of the file, whatever its size.
#pragma once

#include <span>
#include <string>

#include "journal/journal.h"
#include "journal/segment.h"

namespace waybill::journal {

struct Rewritten {
  Segment segment;
  std::string path;  // synced, to be renamed to the segment's name
};

// `end`: the offset behind its last record.
Result<Rewritten> write_rewritten(Files& files, const std::string& folder, const Segment& segment, uint64_t end,
                                  std::span<const Replacement> replacements);

}  // namespace waybill::journal

// ingest/erase_journal.h — takes what names somebody who was erased out of the journal, segment by segment.
//
// Invariant: of each segment and each span of the books in it, count and sum of the identities stay what they were, whatever was
//            rewritten already. So the books of those who have all of a segment balance at any moment; it is for the caller to
//            see that store and lake durably do.
// Threads:   from one at a time; beside everything that reads and writes the journal but who copies its files.
// Failure:   as Journal::rewrite(); a segment is as it was or done.
// Memory:    the records of one segment that go, some 50 bytes each.
#pragma once

#include <vector>

#include "journal/journal.h"
#include "wire/erased_names.h"

namespace waybill::ingest {

// Segments whose records are all below `end`, oldest first: where each begins and ends.
struct ClosedSegment {
  uint64_t first = 0;
  uint64_t end = 0;
};
std::vector<ClosedSegment> closed_segments(const journal::Journal& journal, uint64_t end);

// How many records were replaced; durable then.
Result<uint64_t> erase_from(journal::Journal& journal, const ClosedSegment& segment, const wire::ErasedNames& erased);

}  // namespace waybill::ingest

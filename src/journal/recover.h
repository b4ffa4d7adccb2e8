// journal/recover.h — makes a folder ready to be written: made where missing, tidied, its last segment whole to its end.
//
// Failure: corrupt where something that was synced is damaged, in a header or in the last segment: nothing is changed then.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "journal/epochs.h"
#include "journal/scan.h"

namespace waybill::journal {

struct Recovered {
  std::vector<Segment> segments;  // empty: a new folder
  Epochs epochs;  // empty in a new folder
  std::unique_ptr<File> last;  // of the last one, for writing
  Tail tail;
};

Result<Recovered> recover(Files& files, const std::string& folder);

// The headers of these segments, checked against each other and the epochs; where there are none, against the first one's.
Result<std::vector<Segment>> read_segments(Files& files, const std::string& folder, const std::vector<uint64_t>& firsts,
                                           Epochs& epochs);

// corrupt, naming segment, place and offsets, where the tail proves that what was durable is damaged.
Result<void> check_tail(const std::string& folder, const Segment& segment, const Tail& tail);

}  // namespace waybill::journal

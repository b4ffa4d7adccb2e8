// wire/gzip_reader.h — unpacks a gzip file piece by piece, however large it is.
//
// Threads: one at a time.
// Failure: invalid: not gzip, or damaged; nothing more can be read then.
// Limits:  a piece of n bytes unpacks to at most about 1032 n.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::wire {

class GzipReader {
 public:
  GzipReader();
  ~GzipReader();
  // Appends what `packed` unpacks to. Members that follow each other, as `cat a.gz b.gz` makes them, are one text.
  Result<void> unpack(std::string_view packed, std::string& into);
  // The file may end here: what was given ends with a whole member.
  bool whole() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace waybill::wire

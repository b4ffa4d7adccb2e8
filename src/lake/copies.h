// lake/copies.h — the lake's files as paths of this machine, for engines that read files: where they are, or copies of a bucket's.
//
// Order:    a file never changes under its key, so a copy is right for good; each is compared with the catalog's checksum
//           when it is fetched, and when it is first used after a start.
// Lent:     what a loan has named stays until the loan ends. Beyond it copies go, the longest not used first, so that all of
//           them together take at most bytes_max.
// Threads:  all methods of Copies from any thread; a loan belongs to one at a time.
// Processes: each that copies takes a folder of its own, the first whose lock is free: one after another they use the same.
// Failure:  of path_of(): as Objects::get(). corrupt: what was fetched is not what the catalog says. overloaded: one loan wants
//           more than bytes_max, or the disk is full.
#pragma once

#include <memory>
#include <string>

#include "lake/catalog.h"
#include "lake/objects.h"

namespace waybill::lake {

class Loan {
 public:
  virtual ~Loan() = default;
  virtual Result<std::string> path_of(const DataFile& file) = 0;
};

class Copies {
 public:
  virtual ~Copies() = default;
  virtual std::unique_ptr<Loan> borrow(const Objects& objects) = 0;  // both outlive it
};

// Of objects that are files of this machine already.
std::unique_ptr<Copies> no_copies();

struct CopiesOptions {
  std::string folder;  // made where missing
  uint64_t bytes_max = 4ULL << 30;
};
// overloaded: as many processes copy into the folder as may.
Result<std::unique_ptr<Copies>> open_copies(CopiesOptions options, Files& files);
inline constexpr int copying_processes_max = 16;

}  // namespace waybill::lake

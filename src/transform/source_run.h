// transform/source_run.h — takes what has changed of another source's inputs into the lake, as one commit.
//
// Delivery: an input is known by its id, size and checksum: one that is as it was is passed over, one that has changed gives its rows anew
//           in place of those it gave before. So a run that was killed and is repeated leaves the rows of one that was not.
// Contract: a column gets its type when its first values come, from all of them, for good. A row with another type in it goes to the
//           table's quarantine with its reason and as it came; an input that lacks a column, or has one of another type, as a whole.
//           A column that is new is taken: rows of before have none of it.
// Threads:  one run of a table at a time; of two processes the later claim wins, and the other's commit is refused.
// Failure:  as catalog, objects and engine; conflict: somebody else read on meanwhile (`growing`). Nothing is changed then.
// Format:   docs/FORMATS.md, Other sources.
#pragma once

#include <map>
#include <optional>
#include <stop_token>

#include "transform/source_staging.h"
#include "transform/source_table.h"

namespace waybill::transform {

struct SourceRunOptions {
  std::string scratch;  // a folder of this machine for files on their way; its content is ours
  Contract declared{};  // types that are not left to the values
  // Where only what is above a value was read: the value, and the new one.
  struct Growing {
    std::string from;
    std::string to;
  };
  std::optional<Growing> growing{};
  std::stop_token stop{};
};

struct SourceRun {
  uint64_t run = 0;  // its claim; 0: nothing has changed
  uint64_t inputs = 0;  // that were read
  uint64_t unchanged = 0;  // that were not
  uint64_t rows = 0;
  uint64_t quarantined = 0;  // rows of the quarantine
  std::vector<std::string> refused{};  // inputs that went there as a whole, with their reasons
};

struct SourcePlace {
  lake::Catalog& catalog;
  lake::Objects& objects;
  Engine& engine;
};

Result<SourceRun> run_source(const SourcePlace& place, const SourceTable& table, const std::vector<SourceInput>& inputs,
                             const SourceRunOptions& options);

// Lets go of its rows, of its quarantine and of its contract; how many files.
Result<uint64_t> forget_source(lake::Catalog& catalog, const SourceTable& table);

}  // namespace waybill::transform

// app/lake_queries.h — questions to the lake of a data folder, beside whoever writes it.
//
// Each question is asked of the newest version of the catalog, by an engine of its own that is locked before it: it reads the
// tables that it may read, and nothing else.
// Failure: denied: a table that may not be read, named. overloaded: over its time or memory, or too many at once. Else as
//          transform/engine.h; not_found where there is no lake.
#pragma once

#include <atomic>
#include <functional>
#include <stop_token>
#include <string>

#include "app/config.h"
#include "app/data_folder.h"
#include "lake/copies.h"
#include "serve/api.h"
#include "transform/engine.h"

namespace waybill::app {

struct LakeQuestion {
  std::string sql;
  transform::Limits limits{};
  std::function<bool(const std::string& table)> may_read = [](const std::string&) { return true; };
};
Result<transform::Answer> ask_lake(const Config& config, const DataFolder& folder, lake::Copies& copies,
                                   const LakeQuestion& question);
// Into a new Parquet file; how many rows.
Result<uint64_t> ask_lake_into(const Config& config, const DataFolder& folder, lake::Copies& copies,
                               const LakeQuestion& question, const std::string& path);

inline constexpr size_t query_answer_bytes_max = 64 << 20;  // of an answer's texts over HTTP; more are cut off

// What a serving process answers with.
// Threads: all methods from any. Limits: the query settings.
class LakeQueries {
 public:
  LakeQueries(const Config& config, const DataFolder& folder, lake::Copies& copies)
      : config_(config), folder_(folder), copies_(copies) {}

  Result<std::string> ask(const Principal& who, const std::string& sql, serve::AnswerForm form);
  void stop() { stop_.request_stop(); }  // those that run, and all that come

 private:
  const Config& config_;
  const DataFolder& folder_;
  lake::Copies& copies_;
  std::atomic<uint64_t> running_{0};
  std::stop_source stop_;
};

}  // namespace waybill::app

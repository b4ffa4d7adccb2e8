// app/bench/bench.h — `waybill bench`: the project's measurements, repeated on this machine in two minutes.
//
// Failure: invalid: an option makes no sense, or no row is called that. overloaded: too little room on the disk. unavailable: no
//          server, or it was stopped before it was done. The temporary folder and the server go in any case.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace waybill::app::bench {

struct BenchOptions {
  uint32_t seconds = 5;  // of a row
  std::string url{};  // a server that is there already; empty: one of our own, on this machine
  std::string bearer{};
  std::string only{};  // rows whose name holds this; empty: all
  std::optional<uint32_t> connections{};  // of every row, instead of its own
  std::string folder{};  // where the temporary folder is made; empty: the system's place for such on a disk
  enum class Form : uint8_t { text, json };
  Form form = Form::text;
};

// Prints what it measures to standard output, row by row. True when no answer was bad and the books balance.
Result<bool> run_bench(const BenchOptions& options, Clock& clock, std::stop_token stop);

}  // namespace waybill::app::bench

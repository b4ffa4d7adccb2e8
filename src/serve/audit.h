// serve/audit.h — the record of every denied and every administrative act: a file of JSON lines.
//
// Delivery: an administrative act is on the disk when acted() returns. Denials that are alike (who, what, why) within
//           audit_merge_ms are one line with a count, so that a flood of them fills neither the disk nor anybody's time; they
//           are written by the next line, by flush(), and at the end.
// Threads:  all methods from any thread.
// Failure:  what cannot be written goes to the log, with a counter; nothing that was asked fails for it.
// Limits:   the file has at most audit_file_bytes_max bytes; then it becomes audit.1.ndjson, that audit.2.ndjson …, and the
//           last of audit_files_max is removed. audit_open_max different denials are gathered at a time; more are told as one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/files.h"
#include "base/metrics.h"
#include "domain/access.h"

namespace waybill::serve {

inline constexpr std::chrono::milliseconds audit_merge_ms{1'000};
inline constexpr uint64_t audit_file_bytes_max = 16 << 20;
inline constexpr int audit_files_max = 8;
inline constexpr size_t audit_open_max = 1024;

struct Denial {
  std::string address;
  std::string who;  // empty where nobody is known
  std::string what;  // "POST /v1/orders/{id}/close"
  int status = 401;
  std::string why;
};

class Audit {
 public:
  virtual ~Audit() = default;
  virtual void denied(const Denial& denial) = 0;
  virtual void acted(const Principal& who, std::string_view address, std::string_view what, std::string_view on) = 0;
  virtual void flush() = 0;
};

// The files are in `folder`: audit.ndjson, and those before it.
Result<std::unique_ptr<Audit>> open_audit(const std::string& folder, Files& files, Clock& clock, Metrics& metrics);

}  // namespace waybill::serve

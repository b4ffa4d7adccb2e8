// notify/delivery_log.h — what came of each attempt to tell one webhook something: the newest of them, to be read page by page.
//
// Delivery: lines are with the system after write(); a crash of the machine may lose the newest.
// Failure:  what write() could not write is lost from the log, not from the telling.
// Limits:   two files of about delivery_log_bytes_max: the older one goes when the newer one is full.
// Threads:  one at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"

namespace waybill::notify {

inline constexpr uint64_t delivery_log_bytes_max = 4 << 20;

enum class Outcome : uint8_t { delivered, failed, given_up };
std::string_view to_string(Outcome outcome);

struct Attempt {
  std::string id;  // of the event
  std::string type;
  uint32_t attempt = 1;
  Time at{};
  Outcome outcome = Outcome::delivered;
  int status = 0;  // 0: no answer came
  std::chrono::milliseconds took{};
  std::string error;
};

struct DeliveryQuery {
  std::string outcome;  // empty: any
  size_t limit = 100;
  uint64_t before = UINT64_MAX;  // lines with a lower number
};

struct DeliveryPage {
  std::vector<std::string> deliveries;  // JSON objects, newest first
  uint64_t next = 0;  // `before` of the next page; 0 at the end
};

class DeliveryLog {
 public:
  DeliveryLog(Files& files, std::string folder, std::string hook);

  void add(const Attempt& attempt);
  Result<void> write();
  Result<DeliveryPage> read(const DeliveryQuery& query) const;
  void remove();  // both files

 private:
  std::string path(std::string_view ending) const;
  Result<void> open();

  Files& files_;
  std::string folder_;
  std::string hook_;
  std::unique_ptr<File> file_;
  uint64_t size_ = 0;
  uint64_t number_ = 0;  // of the last line
  std::string waiting_;  // lines that are not written yet
  bool behind_old_ = false;  // the file's last line may have been cut
};

}  // namespace waybill::notify

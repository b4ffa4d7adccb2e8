// store/quiet.h — orders, deliverers and credentials of whom nothing is left to tell: their rows and index rows go.
//
// A deliverer goes when its last news, by our clock, is older than everything that is kept, no location of it is left, and it
// has no order. An order goes when its last news is as old and nothing of its track is left; one that is still awaited (put by
// a command, neither arrived nor closed nor cancelled) or has something left stays quiet_order_days more, and then goes.
// Of those that stay, the copies of locations that were let go are removed. A token or link goes when it expired before that
// time and all that was said of it is at positions that were let go.
// Threads: one at a time, never while anything else is written.
// Limits:  quiet_rows_max rows looked at by one step().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/rows.h"
#include "store/tables.h"

namespace waybill::store {

inline constexpr int quiet_order_days = 90;
inline constexpr size_t quiet_rows_max = 500;

class Quiet {
 public:
  explicit Quiet(Tables& tables);

  // `newest`: when the newest of what was let go was received. The rows of these ids were written or removed.
  struct Changed {
    std::vector<std::string> orders;
    std::vector<std::string> deliverers;
    bool more = false;  // step again with the same newest
  };
  Result<Changed> step(Time newest);

 private:
  Result<Changed> look_and_write(Time newest);
  Result<void> look_at_the_updated(const View& view, Time newest, Changed& changed);
  Result<void> look_at_credentials(const View& view, Time newest, Changed& changed);
  Result<void> look_at_order(const View& view, const std::string& id, Time newest, Changed& changed);
  Result<void> look_at_deliverer(const View& view, const std::string& id, Changed& changed);
  Result<void> remove_all(const View& view, Table table, const std::string& prefix);

  Tables& tables_;
  std::unique_ptr<Batch> batch_;
  std::string reached_;  // key of `updated` from which to go on
  std::string credential_reached_;  // the same of `grant`
  enum class Among : uint8_t { updated, credentials };
  Among among_ = Among::updated;
  bool something_to_write_ = false;
  std::string bytes_;  // scratch
};

}  // namespace waybill::store

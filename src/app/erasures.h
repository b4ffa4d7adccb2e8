// app/erasures.h — takes out whom the journal says is erased, hop by hop, in a thread of its own; and tells how that stands.
//
// Order:    store, lake (by its writer, which comes to the record by itself: lake/bronze.h), journal; then the tables that are made of
//           the lake, then what all of these replaced. From the moment that the store shows the record on, nothing that comes
//           under the name is kept by anybody.
// Delivery: the record is the intent. What was done is in the certificate, step by step; killed anywhere, a start goes on with
//           every erasure whose certificate does not say that it is done. Every step can be done again.
// Threads:  start() and stop() from one, everything else from any.
// Failure:  what does not get on is told on the certificate and in the log, and tried again.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/certificate.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/lake_view.h"
#include "base/metrics.h"
#include "ingest/keep.h"
#include "serve/erasures.h"
#include "wire/erased_names.h"

namespace waybill::app {

struct ErasureParts {
  const Config& config;
  const DataFolder& folder;
  journal::Journal& journal;
  store::Store& store;
  ingest::Keeper& keeper;
  LakeView* lake;  // null: none is written
  wire::ErasedNames& names;
  Clock& clock;
  Metrics& metrics;
};

class Erasures final : public serve::Erasures {
 public:
  explicit Erasures(const ErasureParts& parts);

  void start();
  void stop();  // what is under way goes on at the next start

  Result<Erasure> of_name(Erasure::Kind kind, const std::string& id) override;
  Result<std::optional<std::string>> of(const Erasure& erasure) override;
  Result<std::optional<std::string>> at(const std::string& position) override;
  Result<std::string> all() override;
  void go_on() override;

 private:
  void run(const std::stop_token& stop);
  Result<std::optional<Certificate>> next_unfinished() const;
  Result<Certificate> certificate_of(const store::ErasureRow& row) const;
  Result<void> finish(Certificate& certificate, const std::stop_token& stop);
  Result<void> close_journal(Certificate& certificate, const std::stop_token& stop);
  Result<void> erase_store(Certificate& certificate, const std::stop_token& stop);
  Result<void> erase_lake(Certificate& certificate, const std::stop_token& stop);
  Result<void> erase_journal(Certificate& certificate, const std::stop_token& stop);
  Result<void> wait_for_tables(Certificate& certificate, const std::stop_token& stop);
  Result<void> forget_replaced(Certificate& certificate, const std::stop_token& stop);
  Result<void> begin(Certificate& certificate, const std::string& step) const;
  Result<void> save(const Certificate& certificate) const;

  const ErasureParts parts_;
  Gauge& unfinished_;
  std::mutex making_key_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool go_on_ = true;
  uint64_t lake_version_ = 0;  // when its files had all been looked at
  std::jthread thread_;
};

// Erasures whose certificate does not say that they are done: their positions. Beside whoever works on them.
Result<std::vector<std::string>> unfinished_erasures(const DataFolder& folder, const journal::Epochs& epochs,
                                                     uint32_t partition, const store::Store& store);

}  // namespace waybill::app

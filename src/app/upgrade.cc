#include "app/upgrade.h"

#include <cstdio>

#include "app/verify.h"
#include "app/wiring.h"
#include "ingest/subscribe.h"

namespace waybill::app {
namespace {

// Opening makes the tables that the older format does not have; then everything that the journal holds is put and durable.
Result<void> bring_store_up(const Config& config, const DataFolder& folder) {
  const auto metrics = make_metrics();
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const auto store, open_store_of(config, folder));
  TRY(ingest::check_agreement(*journal, *store));
  ingest::Progress progress;
  Health health;
  ingest::Subscriber subscriber(*journal, *store, progress, health, system_clock(), *metrics);
  const uint64_t before = store->watermarks().visible;
  for (;;) {
    TRY_LET(const size_t put, subscriber.step());
    if (put == 0) break;
  }
  TRY(store->flush());
  std::printf("store      its tables are made, %llu records put that only the journal had\n",
              static_cast<unsigned long long>(store->watermarks().visible - before));
  return {};
}

}  // namespace

Result<void> run_upgrade(const Config& config) {
  Files& files = system_files();
  TRY_LET(const OlderFolder older, open_older_folder(config.data, files));
  if (older.format == data_format) {
    std::printf("%s is of data format %d already: nothing to do\n", config.data.c_str(), data_format);
    return {};
  }
  std::printf("%s: from data format %d to %d\n", config.data.c_str(), older.format, data_format);
  TRY(bring_store_up(config, older.folder));
  TRY_LET(const bool balances, verify_folder(config, older.folder, ingest::Depth::ledgers));
  if (!balances)
    return fail(Code::corrupt,
                config.data + ": the books do not balance, it stays of data format " + std::to_string(older.format));
  TRY(write_format(config.data, files));
  std::printf("upgraded: %s is of data format %d now, older versions of waybill refuse it\n", config.data.c_str(),
              data_format);
  return {};
}

}  // namespace waybill::app

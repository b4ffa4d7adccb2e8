#include "app/keep_record.h"

#include "app/wiring.h"
#include "base/clock.h"
#include "ingest/accept.h"
#include "ingest/subscribe.h"

namespace waybill::app {

Result<Position> keep_record(const Config& config, const DataFolder& folder, const wire::Record& record) {
  const auto metrics = make_metrics();
  Health health;
  ingest::Progress progress;
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const auto store, open_store_of(config, folder));
  TRY(ingest::check_agreement(*journal, *store));
  ingest::Acceptor acceptor(*journal, *metrics);
  ingest::Subscriber subscriber(*journal, *store, progress, health, system_clock(), *metrics);
  TRY_LET(const journal::Appended kept, acceptor.accept({&record, 1}));
  TRY(journal->commit());
  for (;;) {
    TRY_LET(const size_t put, subscriber.step());
    if (put == 0) break;
  }
  TRY(store->flush());
  return journal->position(kept.first);
}

}  // namespace waybill::app

#include "app/verify.h"

#include <cstdio>
#include <iterator>
#include <optional>

#include "app/erasures.h"
#include "app/wiring.h"
#include "lake/books.h"
#include "transform/reconcile.h"

namespace waybill::app {
namespace {

unsigned long long count(uint64_t value) { return value; }

void print(const std::vector<ingest::Difference>& differences) {
  for (const ingest::Difference& difference : differences)
    std::printf("DIFFERS    offsets %llu … %llu: %s\n", count(difference.from), count(difference.to),
                difference.what.c_str());
}

void print(const ingest::Balance& balance) {
  std::printf("journal    %llu records accepted, %llu of them still in its files (%llu … %llu)\n",
              count(balance.journal_end), count(balance.journal_end - balance.journal_begin),
              count(balance.journal_begin), count(balance.journal_end));
  std::printf(
      "store      %llu records: %llu stored, %llu repeats, %llu quarantined, "
      "%llu let go, %llu erased\n",
      count(balance.store.total().count), count(balance.store.of(store::Outcome::stored).count),
      count(balance.store.of(store::Outcome::repeat).count), count(balance.store.of(store::Outcome::quarantined).count),
      count(balance.store.of(store::Outcome::purged).count), count(balance.store.of(store::Outcome::erased).count));
  if (balance.journal_end > balance.store_end)
    std::printf("on the way %llu records are in the journal and not yet durable in the store\n",
                count(balance.journal_end - balance.store_end));
  std::printf("identities journal %s, store %s\n", to_hex(balance.journal.ids).c_str(),
              to_hex(balance.store.total().ids).c_str());
  if (balance.deep) std::printf("rows       read again and compared with the ledgers\n");
  print(balance.differences);
}

void print(const lake::Balance& lake, uint64_t journal_end) {
  const auto of = [&](lake::Kind kind) { return count(lake.by_kind[static_cast<size_t>(kind)].count); };
  std::printf(
      "lake       %llu records (%llu … %llu): %llu locations, %llu commands, %llu quarantined, %llu others, %llu "
      "erased; %llu files, %llu bytes\n",
      count(lake.mark.end - lake.mark.begin), count(lake.mark.begin), count(lake.mark.end), of(lake::Kind::location),
      of(lake::Kind::command), of(lake::Kind::quarantined), of(lake::Kind::other), of(lake::Kind::erased),
      count(lake.files), count(lake.bytes));
  if (journal_end > lake.mark.end)
    std::printf("on the way %llu records are in the journal and not yet in the lake\n",
                count(journal_end - lake.mark.end));
  print(lake.differences);
}

// What is being taken out is no difference: the books hold at every moment of it.
Result<void> print_erasures(const Config& config, const DataFolder& folder) {
  TRY_LET(const auto store, open_store_to_read(config, folder));
  TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), system_files()));
  TRY_LET(const std::vector<std::string> unfinished,
          unfinished_erasures(folder, journal->epochs(), journal->partition(), *store));
  for (const std::string& position : unfinished)
    std::printf("UNFINISHED erasure %s: waybill up goes on with it, data of the name is still there\n",
                position.c_str());
  return {};
}

void print(const transform::Reconciliation& treated, ingest::Depth depth) {
  if (!treated.version) return;
  std::printf("treated    %llu locations%s, made of version %llu; %llu dates compared\n", count(treated.rows),
              depth == ingest::Depth::rows && treated.differences.empty() ? ", each once" : "", count(*treated.version),
              count(treated.dates));
  if (treated.waiting > 0)
    std::printf("on the way %llu rows of the raw tables came since, or are in a file with some that did\n",
                count(treated.waiting));
  for (const std::string& difference : treated.differences) std::printf("DIFFERS    treated %s\n", difference.c_str());
}

Result<transform::Reconciliation> reconciliation_of(const Config& config, const DataFolder& folder,
                                                    const lake::Objects& objects, const lake::Snapshot& state,
                                                    ingest::Depth depth) {
  if (depth == ingest::Depth::ledgers || !transform::reconcile(state).version) return transform::reconcile(state);
  TRY_LET(const auto copies, open_copies_of(config, folder));
  const auto loan = copies->borrow(objects);
  TRY_LET(const auto engine, open_engine_of(config, folder, 0));
  return transform::reconcile_rows(state, objects, *loan, *engine);
}

void print_verdict(bool balances) { std::printf("%s\n", balances ? "the books balance" : "THE BOOKS DO NOT BALANCE"); }

// What there is of the lake, as it is now.
struct Lake {
  std::unique_ptr<lake::Objects> objects;
  std::shared_ptr<const lake::Snapshot> state;  // version 0: none was ever written
};

Result<Lake> look_into_lake(const Config& config, const DataFolder& folder) {
  Lake found;
  TRY_LET(found.objects, open_objects_of(config, folder, {}));
  TRY_LET(const auto catalog, lake::open_catalog(*found.objects, system_clock()));
  found.state = catalog->now();
  return found;
}

Result<lake::Balance> balance_of_lake(const Config& config, const DataFolder& folder, const Lake& found,
                                      ingest::Depth depth) {
  TRY_LET(const auto store, open_store_to_read(config, folder));
  TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), system_files()));
  TRY_LET(std::vector<store::Ledger> ledgers, store->ledgers());
  TRY_LET(
      lake::Balance balance,
      lake::balance(*found.state, {.partition = journal->partition(),
                                   .read = [&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); },
                                   .journal_begin = journal->begin(),
                                   .journal_end = journal->end(),
                                   .store = std::move(ledgers)}));
  if (depth == ingest::Depth::rows) {
    std::vector<ingest::Difference> more = lake::reread(*found.state, *found.objects);
    balance.differences.insert(balance.differences.end(), std::make_move_iterator(more.begin()),
                               std::make_move_iterator(more.end()));
  }
  return balance;
}

}  // namespace

Result<ingest::Balance> balance_of(const Config& config, const DataFolder& folder, ingest::Depth depth) {
  Files& files = system_files();
  // The store first: what it has durable is in the journal before.
  TRY_LET(const auto store, open_store_to_read(config, folder));
  TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), files));
  TRY_LET(const ingest::Trimmed trimmed, ingest::read_trimmed(files, folder.trimmed()));
  return ingest::balance(*journal, *store, trimmed, depth);
}

Result<bool> run_verify(const Config& config, ingest::Depth depth) {
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
  // The lake first, then store and journal: what it has is in them then.
  std::optional<Lake> lake;
  if (config.lake_enabled) {
    TRY_LET(lake, look_into_lake(config, folder));
  }
  TRY_LET(const ingest::Balance balance, balance_of(config, folder, depth));
  print(balance);
  bool balances = balance.balances();
  if (lake && lake->state->version > 0) {
    TRY_LET(const lake::Balance of_lake, balance_of_lake(config, folder, *lake, depth));
    print(of_lake, balance.journal_end);
    TRY_LET(const transform::Reconciliation treated,
            reconciliation_of(config, folder, *lake->objects, *lake->state, depth));
    print(treated, depth);
    balances = balances && of_lake.balances() && treated.differences.empty();
  }
  TRY(print_erasures(config, folder));
  print_verdict(balances);
  return balances;
}

Result<bool> verify_folder(const Config& config, const DataFolder& folder, ingest::Depth depth) {
  TRY_LET(const ingest::Balance balance, balance_of(config, folder, depth));
  print(balance);
  print_verdict(balance.balances());
  return balance.balances();
}

}  // namespace waybill::app

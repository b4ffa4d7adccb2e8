#include "app/verify.h"

#include <cstdio>

#include "app/wiring.h"

namespace waybill::app {
namespace {

void print(const ingest::Balance& balance) {
  const auto count = [](uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("journal    %llu records accepted, %llu of them still in its files (%llu … %llu)\n",
              count(balance.journal_end), count(balance.journal_end - balance.journal_begin),
              count(balance.journal_begin), count(balance.journal_end));
  std::printf(
      "store      %llu records: %llu stored, %llu repeats, %llu quarantined, "
      "%llu let go\n",
      count(balance.store.total().count), count(balance.store.of(store::Outcome::stored).count),
      count(balance.store.of(store::Outcome::repeat).count), count(balance.store.of(store::Outcome::quarantined).count),
      count(balance.store.of(store::Outcome::purged).count));
  if (balance.journal_end > balance.store_end)
    std::printf("on the way %llu records are in the journal and not yet durable in the store\n",
                count(balance.journal_end - balance.store_end));
  std::printf("identities journal %s, store %s\n", to_hex(balance.journal.ids).c_str(),
              to_hex(balance.store.total().ids).c_str());
  if (balance.deep) std::printf("rows       read again and compared with the ledgers\n");
  for (const ingest::Difference& difference : balance.differences)
    std::printf("DIFFERS    offsets %llu … %llu: %s\n", count(difference.from), count(difference.to),
                difference.what.c_str());
  std::printf("%s\n", balance.balances() ? "the books balance" : "THE BOOKS DO NOT BALANCE");
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
  return verify_folder(config, folder, depth);
}

Result<bool> verify_folder(const Config& config, const DataFolder& folder, ingest::Depth depth) {
  TRY_LET(const ingest::Balance balance, balance_of(config, folder, depth));
  print(balance);
  return balance.balances();
}

}  // namespace waybill::app

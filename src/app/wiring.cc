#include "app/wiring.h"

#include "store/rocks/rocks.h"

namespace waybill::app {
namespace {

constexpr uint64_t mib = 1 << 20;

store::RocksOptions rocks_options(const Config& config, const DataFolder& folder, store::Access access) {
  return {.folder = folder.store(), .cache_bytes_max = config.store_cache_mib_max * mib, .access = access};
}

}  // namespace

Result<std::unique_ptr<journal::Journal>> open_journal_of(const Config& config, const DataFolder& folder,
                                                          Metrics& metrics) {
  auto journal = journal::open_journal({.folder = folder.journal(),
                                        .segment_bytes = config.journal_segment_mib * mib,
                                        .disk_bytes_max = config.journal_disk_mib_max * mib,
                                        .sync = config.journal_sync},
                                       system_files(), system_clock(), metrics);
  if (!journal) return fail_in("open the journal", journal.error());
  return journal;
}

Result<std::unique_ptr<store::Store>> open_store_of(const Config& config, const DataFolder& folder) {
  auto store = store::open_rocks_store(rocks_options(config, folder, store::Access::read_write), system_files());
  if (!store) return fail_in("open the store", store.error());
  return store;
}

Result<OpenStore> open_store_for_backup(const Config& config, const DataFolder& folder) {
  auto opened =
      store::open_rocks_store_for_backup(rocks_options(config, folder, store::Access::read_write), system_files());
  if (!opened) return fail_in("open the store", opened.error());
  return OpenStore{.store = std::move(opened->store), .hold_live_files = std::move(opened->hold_live_files)};
}

Result<std::unique_ptr<store::Store>> open_store_to_read(const Config& config, const DataFolder& folder) {
  auto store = store::open_rocks_store(rocks_options(config, folder, store::Access::read_only), system_files());
  if (!store) return fail_in("open the store to read", store.error());
  return store;
}

Result<std::unique_ptr<serve::Tls>> open_tls_of(const Config& config, Metrics& metrics) {
  if (config.tls_certificate.empty() != config.tls_key.empty())
    return fail(Code::invalid,
                "tls.certificate and tls.key: both of them make HTTPS, none of them HTTP; only one is given");
  if (config.tls_certificate.empty()) return nullptr;
  return serve::open_tls({.certificate = config.tls_certificate, .key = config.tls_key}, system_files(), system_clock(),
                         metrics);
}

}  // namespace waybill::app

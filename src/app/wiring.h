// app/wiring.h — the one place that names adapters: what the configuration asks for, opened.
#pragma once

#include "app/config.h"
#include "app/data_folder.h"
#include "journal/journal.h"
#include "serve/tls.h"
#include "store/live_files.h"
#include "store/store.h"

namespace waybill::app {

Result<std::unique_ptr<journal::Journal>> open_journal_of(const Config& config, const DataFolder& folder,
                                                          Metrics& metrics);
Result<std::unique_ptr<store::Store>> open_store_of(const Config& config, const DataFolder& folder);
// With what a backup needs of it.
struct OpenStore {
  std::unique_ptr<store::Store> store;
  store::HoldLiveFiles hold_live_files;
};
Result<OpenStore> open_store_for_backup(const Config& config, const DataFolder& folder);
Result<std::unique_ptr<store::Store>> open_store_to_read(const Config& config, const DataFolder& folder);
Result<std::unique_ptr<serve::Tls>> open_tls_of(const Config& config,
                                                Metrics& metrics);  // null: plain HTTP is asked for

}  // namespace waybill::app

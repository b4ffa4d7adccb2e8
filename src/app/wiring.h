// app/wiring.h — the one place that names adapters: what the configuration asks for, opened.
#pragma once

#include <stop_token>

#include "app/config.h"
#include "app/data_folder.h"
#include "broker/broker.h"
#include "broker/listener.h"
#include "journal/journal.h"
#include "lake/copies.h"
#include "lake/objects.h"
#include "serve/tls.h"
#include "store/live_files.h"
#include "store/store.h"
#include "transform/engine.h"
#include "wire/erased_names.h"

namespace waybill::app {

Result<std::unique_ptr<journal::Journal>> open_journal_of(const Config& config, const DataFolder& folder,
                                                          Metrics& metrics);
Result<std::unique_ptr<store::Store>> open_store_of(const Config& config, const DataFolder& folder);
// With what a backup needs of it. `erased`: who is, shared with whoever else asks; null: it knows it for itself.
struct OpenStore {
  std::unique_ptr<store::Store> store;
  store::HoldLiveFiles hold_live_files;
};
Result<OpenStore> open_store_for_backup(const Config& config, const DataFolder& folder,
                                        std::shared_ptr<wire::ErasedNames> erased = nullptr);
Result<std::unique_ptr<store::Store>> open_store_to_read(const Config& config, const DataFolder& folder);
// Where its files are; empty where it has none here.
std::string store_folder_of(const Config& config, const DataFolder& folder);
// The broker that the settings name. invalid: they name none, or do not fit together.
Result<std::unique_ptr<broker::Broker>> open_broker_of(const Config& config);
// To what phones publish; mqtt.url is given. Connects by itself. invalid: settings that do not fit together.
Result<std::unique_ptr<broker::Listener>> open_listener_of(const Config& config);
// Where the lake is: to write where the data folder is held, else to read. invalid: settings that do not fit together.
Result<std::unique_ptr<lake::Objects>> open_objects_of(const Config& config, const DataFolder& folder,
                                                       std::stop_token stop);
// To write as well, beside the process that holds the data folder.
Result<std::unique_ptr<lake::Objects>> open_objects_beside(const Config& config, const DataFolder& folder,
                                                           std::stop_token stop);
Result<std::unique_ptr<serve::Tls>> open_tls_of(const Config& config,
                                                Metrics& metrics);  // null: plain HTTP is asked for

// The lake's files, beside whoever writes them. not_found where there is no folder of them yet. A bucket is not asked for long:
// somebody waits.
Result<std::unique_ptr<lake::Objects>> open_objects_to_read(const Config& config, const DataFolder& folder,
                                                            std::stop_token stop = {});
// Its files as paths: of one in a bucket copies in the data folder.
Result<std::unique_ptr<lake::Copies>> open_copies_of(const Config& config, const DataFolder& folder);
// For questions; threads 0: as many as the machine has cores.
Result<std::unique_ptr<transform::Engine>> open_engine_of(const Config& config, const DataFolder& folder, int threads);
// The same with a folder of the caller's for what does not fit into memory.
Result<std::unique_ptr<transform::Engine>> open_engine_in(const Config& config, const std::string& spill_folder,
                                                          int threads);

}  // namespace waybill::app

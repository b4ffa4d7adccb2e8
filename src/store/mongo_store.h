// store/mongo_store.h — the store in MongoDB, or what speaks its protocol, by libmongoc: a server or several that others can read as well.
//
// Durability: each write is acknowledged by a majority of the replicas, from their disks (w: majority, j: true); a put is durable at once.
// Failure:    unavailable, denied, overloaded as the server says; more in store/document_tables.h. conflict: another data folder's store is in the
//             database, or another process has opened it since.
// Threads:    as store/store.h.
// Limits:     server_wait_ms_max for a server to be found and for a connection, answer_ms_max for an answer; of what takes longer nobody knows whether
//             it was done, which is asked then.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "store/document_tables.h"
#include "store/store.h"
#include "wire/erased_names.h"

namespace waybill::store {

inline constexpr int server_wait_ms_max = 5000;
inline constexpr int answer_ms_max = 20'000;

struct MongoOptions {
  std::string url;  // mongodb://HOST:PORT,…/DATABASE?options, without a password
  std::string user{};  // nobody logs in where it is empty
  std::string password{};
  std::string ca_file{};  // the system's authorities where it is empty
};

// invalid: the URL is none, or the server cannot do what is needed. It connects when it is first used.
Result<std::unique_ptr<Documents>> open_mongo_documents(const MongoOptions& options);

struct MongoStoreOptions {
  MongoOptions server{};
  DocumentTablesOptions tables{};
  std::shared_ptr<wire::ErasedNames> erased{};  // null: nobody is told apart; shared as table_store.h says
};
Result<std::unique_ptr<Store>> open_mongo_store(const MongoStoreOptions& options, Clock& clock);

}  // namespace waybill::store

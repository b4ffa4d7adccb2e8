#include "store/mongo_store.h"

#include "base/late.h"
#include "store/mongo/mongo.h"
#include "store/table_store.h"

namespace waybill::store {

Result<std::unique_ptr<Documents>> open_mongo_documents(const MongoOptions& options) {
  TRY_LET(const Mongo* mongo, late<Mongo>("waybill_store_mongo"));
  return mongo->open(options);
}

Result<std::unique_ptr<Store>> open_mongo_store(const MongoStoreOptions& options, Clock& clock) {
  TRY_LET(auto documents, open_mongo_documents(options.server));
  auto tables = open_document_tables(std::move(documents), options.tables, clock);
  if (!tables) return fail_in(options.server.url, tables.error());
  return open_table_store(std::move(*tables), options.erased);
}

}  // namespace waybill::store

// store/document_grounds.h — what a store on documents stands on in tests: a database in memory, and a real one where there is a server.
#pragma once

#include "base/environment.h"
#include "base/random.h"
#include "store/document_tables.h"
#include "store/mongo_store.h"
#include "store/simulated_documents.h"
#include "store/store_contract.h"
#include "store/table_store.h"

namespace waybill::store {

inline constexpr uint64_t test_owner = 7;

inline Result<std::unique_ptr<Store>> open_on(const SimulatedDocuments& documents, const DocumentTablesOptions& options,
                                              std::shared_ptr<wire::ErasedNames> erased = nullptr) {
  TRY_LET(auto tables, open_document_tables(std::make_unique<SimulatedDocuments>(documents), options, system_clock()));
  return open_table_store(std::move(tables), std::move(erased));
}

class DocumentsGround final : public Ground {
 public:
  Result<std::unique_ptr<Store>> open() override { return open_on(documents, {.owner = test_owner}, nobody_erased()); }
  void crash(std::unique_ptr<Store> store) override { store.reset(); }
  bool forgets() const override { return false; }

  SimulatedDocuments documents;
};

inline std::string mongo_variable(const std::string& name) {
  return environment_variable("WAYBILL_TEST_MONGO" + name).value_or("");
}
inline bool there_is_a_mongo() { return !mongo_variable("").empty(); }
inline MongoOptions live_mongo(const std::string& database) {
  return {.url = mongo_variable("") + '/' + database + mongo_variable("_OPTIONS"),
          .user = mongo_variable("_USER"),
          .password = mongo_variable("_PASSWORD")};
}

// A database of its own each.
class LiveMongoGround final : public Ground {
 public:
  Result<std::unique_ptr<Store>> open() override {
    return open_mongo_store(
        {.server = live_mongo(database_), .tables = {.owner = test_owner}, .erased = nobody_erased()}, system_clock());
  }
  void crash(std::unique_ptr<Store> store) override { store.reset(); }
  bool forgets() const override { return false; }
  // FerretDB reads all documents of a collection for each page of it. WAYBILL_TEST_MONGO_LARGE=1 where the server has indexes.
  bool holds_many() const override { return mongo_variable("_LARGE") == "1"; }
  const std::string& database() const { return database_; }

 private:
  const std::string database_ = "t" + std::to_string(random_seed() % 1'000'000'000'000);
};

}  // namespace waybill::store

// store/mongo/mongo.h — what the shared object of the MongoDB client offers; store/mongo_store.h is the way to it.
#pragma once

#include "store/mongo_store.h"

namespace waybill::store {

struct Mongo {
  Result<std::unique_ptr<Documents>> (*open)(const MongoOptions& options);
};

extern "C" const Mongo waybill_store_mongo;

}  // namespace waybill::store

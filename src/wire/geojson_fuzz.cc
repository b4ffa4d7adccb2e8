// Any bytes as GeoJSON: each point becomes an object of JSON.
#include <cstdint>

#include "base/check.h"
#include "wire/json_text.h"
#include "wire/tables_in.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waybill;
  using namespace waybill::wire;
  const RideOwner owner{.deliverer = "7", .order = "1001"};
  const auto points = geojson_ride_to_json({reinterpret_cast<const char*>(data), size}, owner);
  if (!points) return 0;
  JsonChecker checker;
  for (const std::string& point : *points) CHECK(checker.check(point), "a point becomes JSON");
  return 0;
}

// lake/layout.h — the lake's raw tables and the keys of their files (docs/FORMATS.md, Lake).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/position.h"

namespace waybill::lake {

// The tables that bronze writes, each a record kind. Others are named by models and sources.
enum class BronzeTable { deliverer_location, order_command, quarantine };
inline constexpr size_t bronze_table_count = 3;
std::string_view to_string(BronzeTable table);

// "raw.deliverer_location": what SQL and the catalog call it.
std::string table_name(BronzeTable table);

// An hour of our clock, UTC: what raw files are cut by.
struct IngestHour {
  std::string date;  // "2026-11-29"
  int hour = 0;  // 0 … 23

  bool operator==(const IngestHour&) const = default;
};
IngestHour ingest_hour(Time received_at);
std::string date_text(Time time);  // "2026-11-29", of any year 0 … 9999

std::string bronze_folder(BronzeTable table);  // raw/internal/deliverer_data/<table>/
// raw/internal/deliverer_data/<table>/date=…/hour=…/part-<epoch>-<partition>-<from>-<to>-g<generation>.parquet
std::string bronze_key(BronzeTable table, const IngestHour& hour, const Position& from, uint64_t to,
                       uint32_t generation);

}  // namespace waybill::lake

#include "lake/layout.h"

#include <array>
#include <cstdio>

namespace waybill::lake {

std::string_view to_string(BronzeTable table) {
  switch (table) {
    case BronzeTable::deliverer_location: return "deliverer_location";
    case BronzeTable::order_command: return "order_command";
    case BronzeTable::quarantine: return "quarantine";
  }
  return "";
}

std::string table_name(BronzeTable table) { return "raw." + std::string(to_string(table)); }

std::string date_text(Time time) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  constexpr size_t digits_max = 48;
  std::array<char, digits_max> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data();
}

IngestHour ingest_hour(Time received_at) {
  const auto day = std::chrono::floor<std::chrono::days>(received_at);
  return {.date = date_text(received_at),
          .hour = static_cast<int>(std::chrono::floor<std::chrono::hours>(received_at - day).count())};
}

std::string bronze_key(BronzeTable table, const IngestHour& hour, const Position& from, uint64_t to,
                       uint32_t generation) {
  const std::string digits = (hour.hour < 10 ? "0" : "") + std::to_string(hour.hour);
  return bronze_folder(table) + "date=" + hour.date + "/hour=" + digits + "/part-" + std::to_string(from.epoch) + '-' +
         std::to_string(from.partition) + '-' + std::to_string(from.offset) + '-' + std::to_string(to) + "-g" +
         std::to_string(generation) + ".parquet";
}

std::string bronze_folder(BronzeTable table) {
  return "raw/internal/deliverer_data/" + std::string(to_string(table)) + '/';
}

}  // namespace waybill::lake

// app/bench/report.h — what `waybill bench` shows: pure functions from measurements to lines and JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace waybill::app::bench {

inline constexpr size_t report_columns = 104;

// What is measured where; empty texts where nobody can say.
struct Setting {
  std::string version;
  std::string build;  // as build_kind()
  std::string server;  // URL; empty: one of our own, in `folder`
  std::string folder;
  std::string file_system;  // "ext4"
  bool in_memory = false;  // the file system is
  std::string processor;
  std::string kernel;
  uint32_t cores = 0;
  uint64_t memory_bytes = 0;
  double seconds = 0;  // of a row
};

// Nothing where it means nothing, or nobody can say.
struct Row {
  std::string what;
  std::optional<uint32_t> connections{};
  std::optional<double> per_s{};  // good answers; of the disk, writes
  std::optional<double> locations_per_s{};
  std::optional<double> p50_us{}, p99_us{};
  std::optional<double> server_cpu_us{}, load_cpu_us{};  // of a request
  std::optional<double> behind_s{};  // afterwards, until all of it was in the store
  uint64_t bad = 0;
  std::string first_bad{};

  bool operator==(const Row&) const = default;
};

// Locations.
struct Books {
  uint64_t sent = 0;
  uint64_t acknowledged = 0;
  uint64_t kept = 0;
  uint64_t repeats = 0;
  bool verified = false;  // `waybill verify` says that they balance

  bool balance() const { return verified && acknowledged <= kept && kept <= sent && repeats == 0; }
};

struct Report {
  Setting setting;
  std::vector<Row> rows;
  std::optional<Books> books;  // nothing of a server that is not ours

  bool good() const;  // no bad answer, and the books balance
};

std::vector<std::string> lines_of(const Setting& setting);
std::vector<std::string> table_head();
std::vector<std::string> lines_of(const Row& row);  // with what was wrong below it
std::vector<std::string> lines_of(const Books& books);
std::string report_json(const Report& report);  // one object; what is not known is null

}  // namespace waybill::app::bench

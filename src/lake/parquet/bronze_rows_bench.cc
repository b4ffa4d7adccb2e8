// What a location costs in a bronze file: processor time from its struct to the finished bytes, on one core, and bytes by column.
// bronze_rows_bench [FILE.ndjson.gz …] [-o FILE]: the couriers of these files as often as makes a million locations, each time
// other couriers a day later, first as `waybill replay` sends them, then as phones do; without any, 2,000 made-up couriers. -o
// keeps what was written last.
#include <parquet/file_reader.h>

#include <arrow/io/memory.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/process.h"
#include "base/random.h"
#include "lake/bronze_rows.h"
#include "wire/gzip_reader.h"
#include "wire/json_in.h"

namespace waybill::lake {
namespace {

constexpr size_t rows_min = 1'000'000;
constexpr int rounds = 5;
constexpr Duration day = std::chrono::days(1);

template <class T>
T must(Result<T> result) {
  if (result) {
    if constexpr (!std::is_void_v<T>)
      return std::move(*result);
    else
      return;
  }
  std::fprintf(stderr, "bronze_rows_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

double cpu_s() { return must(process_use()).cpu_seconds; }

// One request after the other as fast as it goes, 500 locations in each, in the order of their fixes.
void arrive_replayed(std::vector<Location>& locations, Random& random) {
  constexpr size_t batch = 500;
  Time now = at_us(1'764'385'200'000'000);
  std::ranges::stable_sort(locations, {}, &Location::fix_time);
  for (size_t i = 0; i < locations.size(); ++i) {
    if (i % batch == 0) now += Duration(2000 + static_cast<int64_t>(random.below(2000)));
    locations[i].received_at = now;
  }
}

// Each phone sends a fix as it has it; it takes a twentieth to half a second on its way.
void arrive_live(std::vector<Location>& locations, Random& random) {
  for (Location& location : locations)
    location.received_at = location.fix_time + Duration(50'000 + static_cast<int64_t>(random.below(450'000)));
  std::ranges::stable_sort(locations, {}, &Location::received_at);
}

std::vector<Location> read_couriers(const std::vector<std::string>& files) {
  std::vector<Location> locations;
  for (const std::string& file : files) {
    std::string text;
    must(wire::GzipReader().unpack(must(read_file(system_files(), file)), text));
    wire::InputParser parser;
    for (size_t end = 0; end < text.size();) {  // a body has items_max items at most
      constexpr size_t body_bytes = 4 << 20;
      const size_t begin = end;
      end = std::min(text.size(), text.find('\n', std::min(text.size(), begin + body_bytes)));
      for (auto& item :
           must(parser.locations(std::string_view(text).substr(begin, end - begin), wire::BodyForm::ndjson, {})))
        locations.push_back(std::move(std::get<Location>(item)));
    }
  }
  return locations;
}

std::vector<Location> real_couriers(const std::vector<std::string>& files) {
  const std::vector<Location> once = read_couriers(files);
  std::vector<Location> all;
  for (int64_t copy = 0; all.size() < rows_min; ++copy) {
    const std::string mark = std::to_string(copy) + "-";
    for (Location location : once) {
      if (location.order) location.order->text.insert(0, mark);
      if (location.deliverer) location.deliverer->text.insert(0, mark);
      location.fix_time += copy * day;
      all.push_back(std::move(location));
    }
  }
  return all;
}

// A fix each 5 s; a courier rides at up to 10 m/s, turns now and then, stands at doors, and has another order every 15 minutes.
std::vector<Location> made_up_couriers(Random& random) {
  constexpr size_t couriers = 2000;
  constexpr int64_t fixes_an_order = 180;
  constexpr double degrees_a_metre = 9e-6;
  constexpr double noise = 2e-5;
  const auto rounded = [](double value, double unit) { return std::round(value * unit) / unit; };
  std::vector<Location> all;
  for (size_t courier = 0; courier < couriers; ++courier) {
    double latitude = 41.15 + 0.1 * random.unit();
    double longitude = -8.65 + 0.1 * random.unit();
    double speed = 5;
    double heading = 360 * random.unit();
    for (int64_t fix = 0; fix < static_cast<int64_t>(rows_min / couriers); ++fix) {
      if (random.chance(0.1)) speed = random.chance(0.3) ? 0 : 10 * random.unit();
      if (random.chance(0.1)) heading = 360 * random.unit();
      latitude += 5 * speed * degrees_a_metre * std::cos(heading / 57.3);
      longitude += 5 * speed * degrees_a_metre * std::sin(heading / 57.3);
      all.push_back({.order = OrderId("order-" + std::to_string(courier) + "-" + std::to_string(fix / fixes_an_order)),
                     .deliverer = DelivererId("courier-" + std::to_string(courier)),
                     .state = DeliveryState::on_the_way,
                     .fix_time = at_us(1'764'385'200'000'000 + (fix * 5000 + static_cast<int64_t>(courier)) * 1000),
                     .latitude = rounded(latitude + noise * random.unit(), 1e7),
                     .longitude = rounded(longitude + noise * random.unit(), 1e7),
                     .speed_mps = rounded(speed + 0.2 * random.unit(), 100)});
    }
  }
  return all;
}

void report_columns(const std::string& file, size_t rows) {
  const auto reader = parquet::ParquetFileReader::Open(
      std::make_shared<::arrow::io::BufferReader>(std::make_shared<::arrow::Buffer>(file)));
  const auto metadata = reader->metadata();
  std::vector<int64_t> bytes(metadata->num_columns());
  int64_t in_columns = 0;
  for (int group = 0; group < metadata->num_row_groups(); ++group)
    for (int column = 0; column < metadata->num_columns(); ++column) {
      const int64_t packed = metadata->RowGroup(group)->ColumnChunk(column)->total_compressed_size();
      bytes[column] += packed;
      in_columns += packed;
    }
  std::printf("| column | bytes a location |\n|---|---|\n");
  const auto line = [&](const std::string& name, int64_t sum) {
    std::printf("| %s | %.3f |\n", name.c_str(), static_cast<double>(sum) / static_cast<double>(rows));
  };
  for (int column = 0; column < metadata->num_columns(); ++column)
    line("`" + metadata->schema()->Column(column)->name() + "`", bytes[column]);
  line("bloom filter, page index, footer", static_cast<int64_t>(file.size()) - in_columns);
  line("**all**", static_cast<int64_t>(file.size()));
}

// The file of the locations.
std::string measure(const std::string& what, const std::vector<Location>& locations) {
  std::string file;
  double best_s = 0;
  for (int round = 0; round < rounds; ++round) {
    const double begun = cpu_s();
    LocationRows rows;
    for (uint64_t offset = 0; offset < locations.size(); ++offset)
      rows.add({.epoch = 1, .partition = 0, .offset = offset}, locations[offset]);
    file = must(rows.to_parquet());
    const double took = cpu_s() - begun;
    best_s = round == 0 ? took : std::min(best_s, took);
  }
  std::printf("%s: %zu locations, %.2f million a second of one core's time\n\n", what.c_str(), locations.size(),
              static_cast<double>(locations.size()) / best_s / 1e6);
  report_columns(file, locations.size());
  std::printf("\n");
  return file;
}

int run(const std::vector<std::string>& words) {
  std::vector<std::string> files;
  std::string keep_in;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-o" && i + 1 < words.size())
      keep_in = words[++i];
    else
      files.push_back(words[i]);
  }
  Random random(1);
  std::vector<Location> locations = files.empty() ? made_up_couriers(random) : real_couriers(files);
  if (!files.empty()) {
    arrive_replayed(locations, random);
    measure("replayed", locations);
  }
  arrive_live(locations, random);
  const std::string file = measure("live", locations);
  if (!keep_in.empty()) must(write_file_atomically(system_files(), keep_in, file));
  return 0;
}

}  // namespace
}  // namespace waybill::lake

int main(int count, char** words) { return waybill::lake::run({words + 1, words + count}); }

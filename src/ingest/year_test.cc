// Days in compressed time over the whole write path, on the machine's own disk: couriers and orders change every day, and
// journal, store and memory stay where docs/OPERATIONS.md says. Short by itself; script/soak makes it a year at 12 locations
// a second by YEAR_DAYS, YEAR_LOCATIONS_A_DAY and YEAR_KEEP_DAYS.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "base/environment.h"
#include "base/random.h"
#include "ingest/accept.h"
#include "ingest/keep.h"
#include "ingest/subscribe.h"
#include "store/quiet.h"
#include "store/rocks/rocks.h"

namespace waybill::ingest {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_is_ours = false;  // a sanitizer keeps what was freed
#else
constexpr bool memory_is_ours = true;
#endif

constexpr uint64_t location_bytes_max =
    64;  // in the store, what an order and a courier take included; docs/OPERATIONS.md
constexpr uint64_t fixed_bytes_max =
    24 << 20;  // what does not grow with days: rows on their way to files, RocksDB's own
constexpr uint64_t order_locations = 40;
constexpr uint64_t batch_records = 4000;
constexpr int64_t flush_records = 20'000;
constexpr Duration day = std::chrono::hours(24);

uint64_t number_of(const char* variable, uint64_t otherwise) {
  const std::string text = environment_variable(variable).value_or("");
  uint64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Scale {
  uint64_t days = number_of("YEAR_DAYS", 40);
  uint64_t a_day = number_of("YEAR_LOCATIONS_A_DAY", 12'000);
  uint64_t keep_days = number_of("YEAR_KEEP_DAYS", 6);
  uint64_t couriers() const { return std::max<uint64_t>(16, a_day / 1500); }
};

// What a day's couriers send. One in four is the same every day; half name their orders, half are told of them.
class Town {
 public:
  explicit Town(const Scale& scale) : scale_(scale) {}

  // The `number`-th record of the day.
  void send(uint64_t of_day, uint64_t number, Time now, std::vector<wire::Record>& into) {
    const uint64_t courier = number % scale_.couriers(), turn = number / scale_.couriers();
    const std::string id =
        courier % 8 < 2 ? "steady-" + std::to_string(courier) : std::to_string(of_day) + "-" + std::to_string(courier);
    const std::string order =
        std::to_string(of_day) + "/" + std::to_string(courier) + "/" + std::to_string(turn / order_locations);
    const uint64_t step = turn % order_locations;
    const bool told = courier % 2 == 1;
    if (told && step == 0) into.emplace_back(command(OrderCommand::Kind::put, order, id, now));
    Location location;
    location.deliverer = DelivererId(id);
    if (!told) location.order = OrderId(order);
    if (!told && step == 0) location.state = DeliveryState::start;
    if (!told && step + 1 == order_locations) location.state = DeliveryState::arrived;
    location.fix_time = random_.chance(0.01) ? now - day : now - std::chrono::seconds(2);
    location.received_at = now;
    location.latitude = 41.1 + static_cast<double>(random_.below(100'000)) * 1e-6;
    location.longitude = -8.6 - static_cast<double>(random_.below(100'000)) * 1e-6;
    location.accuracy_m = static_cast<double>(3 + random_.below(10));
    location.speed_mps = static_cast<double>(random_.below(120)) / 10;
    into.emplace_back(location);
    if (random_.chance(0.01)) into.emplace_back(location);
    if (told && step + 1 == order_locations) into.emplace_back(command(OrderCommand::Kind::close, order, id, now));
    if (random_.chance(0.0001))
      into.emplace_back(wire::Quarantined{
          .source = "locations", .field = "latitude", .reason = "is missing", .raw = "{}", .received_at = now});
  }

 private:
  static OrderCommand command(OrderCommand::Kind kind, const std::string& order, const std::string& courier, Time now) {
    OrderCommand command;
    command.kind = kind;
    command.order = OrderId(order);
    if (kind == OrderCommand::Kind::put) command.deliverer = DelivererId(courier);
    command.received_at = now;
    return command;
  }

  Scale scale_;
  Random random_{7};
};

struct Size {
  uint64_t journal = 0;
  uint64_t store = 0;
  uint64_t memory = 0;
};

uint64_t bytes_in(const std::string& folder) {
  uint64_t bytes = 0;
  if (const auto files = system_files().list(folder))
    for (const FileInfo& file : *files) bytes += file.size;
  return bytes;
}

uint64_t resident_bytes() {
  unsigned long long all = 0, resident = 0;
  // Read as it is: files of /proc have no size.
  std::array<std::byte, 128> bytes{};
  const auto file = system_files().open("/proc/self/statm", OpenMode::read);
  if (!file || !(*file)->read_at(0, std::span(bytes).first(bytes.size() - 1))) return 0;
  if (std::sscanf(reinterpret_cast<const char*>(bytes.data()), "%llu %llu", &all, &resident) != 2) return 0;
  return resident * 4096;
}

// One process over one folder, a day at a time.
class Machine {
 public:
  Machine(const Scale& scale, std::string folder)
      : scale_(scale), folder_(std::move(folder)), town_(scale), clock_(at_us(1'735'689'600'000'000)) {
    journal_ = std::move(*journal::open_journal({.folder = folder_ + "/journal", .segment_bytes = segment_bytes()},
                                                system_files(), clock_, *metrics_));
    store_ = std::move(*store::open_rocks_store(
        {.folder = folder_ + "/store", .cache_bytes_max = 16 << 20, .write_buffer_bytes_max = 16 << 20},
        system_files()));
    acceptor_.emplace(*journal_, *metrics_);
    subscriber_.emplace(*journal_, *store_, progress_, health_, clock_, *metrics_);
    keeper_.emplace(*journal_, *store_, system_files(), health_, clock_, *metrics_,
                    KeepOptions{.trimmed_path = folder_ + "/trimmed",
                                .flush_every = std::chrono::duration_cast<std::chrono::milliseconds>(
                                    day * flush_records / static_cast<int64_t>(scale.a_day)),
                                .journal_keep_bytes = 2 * segment_bytes(),
                                .keep = std::chrono::days(scale.keep_days),
                                .store_folder = folder_ + "/store"});
  }

  uint64_t segment_bytes() const { return scale_.a_day > 500'000 ? 64 << 20 : 4 << 20; }

  Result<void> live(uint64_t of_day) {
    std::vector<wire::Record> records;
    const Time begin = clock_.now();
    for (uint64_t number = 0; number < scale_.a_day; ++number) {
      const Duration passed = day * static_cast<int64_t>(number) / static_cast<int64_t>(scale_.a_day);
      town_.send(of_day, number, begin + passed, records);
      if (records.size() < batch_records && number + 1 < scale_.a_day) continue;
      TRY(acceptor_->accept(records));
      TRY(journal_->commit());
      records.clear();
      clock_.advance(begin + passed - clock_.now());
      for (size_t put = 1; put > 0;) {
        TRY_LET(put, subscriber_->step());
      }
      keeper_->step();
    }
    clock_.advance(begin + day - clock_.now());
    return {};
  }

  Size size() const {
    return {
        .journal = bytes_in(folder_ + "/journal"), .store = bytes_in(folder_ + "/store"), .memory = resident_bytes()};
  }
  Result<Balance> books() {
    TRY_LET(const auto reader, journal::open_journal_reader(folder_ + "/journal", system_files()));
    TRY_LET(const Trimmed trimmed, read_trimmed(system_files(), folder_ + "/trimmed"));
    return balance(*reader, *store_, trimmed, Depth::rows);
  }
  Result<uint64_t> count_orders() {
    uint64_t count = 0;
    store::OrdersQuery query{
        .state = {}, .box = {}, .updated_since = {}, .limit = store::orders_limit_max, .cursor = {}};
    do {
      TRY_LET(const store::OrdersPage page, store_->orders(query));
      count += page.orders.size();
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return count;
  }
  std::vector<std::string> complaints() const { return health_.reasons(); }
  const store::Store& store() const { return *store_; }

 private:
  Scale scale_;
  std::string folder_;
  Town town_;
  ManualClock clock_;
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  Progress progress_;
  std::optional<Acceptor> acceptor_;
  std::optional<Subscriber> subscriber_;
  std::optional<Keeper> keeper_;
};

Size largest(const std::vector<Size>& sizes, size_t from, size_t to) {
  Size all;
  for (size_t i = from; i < to; ++i)
    all = {.journal = std::max(all.journal, sizes[i].journal),
           .store = std::max(all.store, sizes[i].store),
           .memory = std::max(all.memory, sizes[i].memory)};
  return all;
}

void expect_a_plateau(const Scale& scale, const std::vector<Size>& sizes, uint64_t segment_bytes) {
  const size_t quarter = sizes.size() / 4;
  const Size second = largest(sizes, quarter, 2 * quarter), last = largest(sizes, 3 * quarter, sizes.size());
  std::printf(
      "%zu days of %llu locations, %llu kept: store %.1f then %.1f MiB, journal %.1f then %.1f MiB, memory %.1f "
      "then %.1f MiB (second and last quarter)\n",
      sizes.size(), static_cast<unsigned long long>(scale.a_day), static_cast<unsigned long long>(scale.keep_days),
      static_cast<double>(second.store) / (1 << 20), static_cast<double>(last.store) / (1 << 20),
      static_cast<double>(second.journal) / (1 << 20), static_cast<double>(last.journal) / (1 << 20),
      static_cast<double>(second.memory) / (1 << 20), static_cast<double>(last.memory) / (1 << 20));
  EXPECT_LE(last.store, second.store + second.store / 8);
  EXPECT_LE(last.journal, second.journal + segment_bytes);
  // What is kept, the span that is not full yet, and an eighth that was let go and not rewritten.
  const uint64_t kept = scale.keep_days * scale.a_day + 2 * store::ledger_span;
  EXPECT_LE(last.store, kept * location_bytes_max * 8 / 7 + fixed_bytes_max);
  EXPECT_LE(last.journal, 5 * segment_bytes);
  const uint64_t memory_max = second.memory + second.memory / 10 + (8 << 20);
  EXPECT_TRUE(!memory_is_ours || last.memory <= memory_max);
}

TEST(Year, journal_store_and_memory_stay_the_same_while_couriers_and_orders_change_every_day) {
  const Scale scale;
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("waybill-year-" + std::to_string(random_seed()))).string();
  ASSERT_TRUE(make_folder_durably(system_files(), folder));
  {
    Machine machine(scale, folder);
    std::vector<Size> sizes;
    for (uint64_t of_day = 0; of_day < scale.days; ++of_day) {
      const auto lived = machine.live(of_day);
      ASSERT_TRUE(lived) << "day " << of_day << ": " << lived.error().message;
      ASSERT_EQ(machine.complaints(), std::vector<std::string>{}) << "day " << of_day;
      sizes.push_back(machine.size());
    }
    expect_a_plateau(scale, sizes, machine.segment_bytes());
    const auto books = machine.books();
    ASSERT_TRUE(books) << books.error().message;
    EXPECT_TRUE(books->balances()) << books->differences.front().what;
    const uint64_t kept = (scale.keep_days + 1) * scale.a_day + 2 * store::ledger_span;
    EXPECT_LE(books->store.of(store::Outcome::stored).count, kept + kept / 10);
    EXPECT_GE(books->store.of(store::Outcome::stored).count, scale.keep_days * scale.a_day * 9 / 10);
    const auto orders = machine.count_orders();
    ASSERT_TRUE(orders);
    EXPECT_LE(*orders, kept / order_locations + scale.couriers() * (store::quiet_order_days + scale.keep_days + 2));
    EXPECT_GT(*orders, 0u);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace
}  // namespace waybill::ingest

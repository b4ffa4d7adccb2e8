// A generation of a backup and what comes back from it, over a disk that loses, fails and changes bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "backup/restore.h"
#include "backup/take.h"
#include "backup/vault.h"
#include "base/simulated_files.h"
#include "ingest/accept.h"
#include "ingest/books.h"
#include "ingest/subscribe.h"
#include "store/rocks/rocks.h"

namespace waybill::backup {
namespace {

const Time noon = at_us(1'705'320'000'000'000);
constexpr int format = 2;

#define ASSERT_DONE(...)                       \
  do {                                         \
    const auto done = (__VA_ARGS__);           \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

Location location_number(uint64_t number) {
  Location location;
  location.deliverer = DelivererId("d" + std::to_string(number % 7));
  location.fix_time = noon + std::chrono::seconds(number);
  location.received_at = location.fix_time;
  location.latitude = 41;
  location.longitude = -8 - static_cast<double>(number) * 1e-6;
  return location;
}

// All that one process holds while it runs on a data folder.
class Process {
 public:
  Process(std::string folder, SimulatedFiles& files, Clock& clock)
      : folder_(std::move(folder)), files_(files), clock_(clock) {}

  Result<void> start() {
    TRY(make_folder_durably(files_, folder_));
    if (!files_.info(folder_ + "/FORMAT"))
      TRY(write_file_atomically(files_, folder_ + "/FORMAT", "waybill data format 2\n"));
    TRY_LET(journal_,
            journal::open_journal({.folder = folder_ + "/journal", .segment_bytes = 4096}, files_, clock_, *metrics_));
    TRY_LET(auto opened, store::open_rocks_store_for_backup({.folder = folder_ + "/store"}, files_));
    store_ = std::move(opened.store);
    TRY(ingest::check_agreement(*journal_, *store_));
    subscriber_.emplace(*journal_, *store_, progress_, health_, clock_, *metrics_);
    keeper_.emplace(*journal_, *store_, files_, health_, clock_, *metrics_,
                    ingest::KeepOptions{.trimmed_path = folder_ + "/trimmed", .journal_keep_bytes = 0});
    source_.emplace(Source{.folder = folder_,
                           .data_format = format,
                           .version = "test",
                           .journal = *journal_,
                           .store = *store_,
                           .hold_live_files = std::move(opened.hold_live_files),
                           .keeper = *keeper_});
    return {};
  }

  // Locations [from, to) durable, each by itself, all but the last `unput` of them in the store.
  Result<void> acknowledge(uint64_t from, uint64_t to, uint64_t unput = 0) {
    ingest::Acceptor acceptor(*journal_, *metrics_);
    for (uint64_t number = from; number < to; ++number) {
      const wire::Record record = location_number(number);
      TRY(acceptor.accept({&record, 1}));
      TRY(journal_->commit());
      if (number + unput < to) TRY(put_all());
    }
    return {};
  }
  // So many that whole ledgers are full and durable.
  Result<void> acknowledge_a_whole_ledger() {
    constexpr uint64_t at_once = 1000;
    ingest::Acceptor acceptor(*journal_, *metrics_);
    std::vector<wire::Record> records;
    for (uint64_t number = 0; number < store::ledger_span + at_once; ++number) {
      records.emplace_back(location_number(number % at_once));
      if (records.size() < at_once) continue;
      TRY(acceptor.accept(records));
      TRY(journal_->commit());
      records.clear();
    }
    TRY(put_all());
    return keeper_->flush();
  }
  Result<void> put_all() {
    for (;;) {
      TRY_LET(const size_t put, subscriber_->step());
      if (put == 0) return {};
    }
  }

  Result<Manifest> back_up(const std::string& to = "backup", uint64_t keep = 7) {
    return take(*source_, {.to = to, .keep = keep}, files_, clock_, {});
  }

  Result<std::set<Time>> kept() {
    std::set<Time> times;
    for (int deliverer = 0; deliverer < 7; ++deliverer) {
      const store::TrackQuery query{.order = {},
                                    .deliverer = DelivererId("d" + std::to_string(deliverer)),
                                    .from = {},
                                    .to = {},
                                    .limit = store::track_limit_max,
                                    .cursor = {}};
      TRY_LET(const store::TrackPage page, store_->track(query));
      for (const store::Kept& kept : page.locations) times.insert(kept.location.fix_time);
    }
    return times;
  }

  Result<bool> balances() {
    TRY_LET(const auto reader, journal::open_journal_reader(folder_ + "/journal", files_));
    TRY_LET(const ingest::Trimmed trimmed, ingest::read_trimmed(files_, folder_ + "/trimmed"));
    TRY_LET(const ingest::Balance books, ingest::balance(*reader, *store_, trimmed, ingest::Depth::rows));
    return books.balances();
  }

  journal::Journal& journal() { return *journal_; }
  store::Store& store() { return *store_; }
  ingest::Keeper& keeper() { return *keeper_; }

 private:
  const std::string folder_;
  SimulatedFiles& files_;
  Clock& clock_;
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  ingest::Progress progress_;
  std::optional<ingest::Subscriber> subscriber_;
  std::optional<ingest::Keeper> keeper_;
  std::optional<Source> source_;
};

class Backup : public testing::Test {
 protected:
  Result<Restored> restore_to(const std::string& to, std::optional<uint64_t> generation = {}) {
    const RestoreOptions options{.from = "backup", .to = to, .generation = generation, .data_format = format};
    TRY_LET(Restored restored, restore(options, *files_, clock_));
    TRY(finish_restore(options, restored, *files_));
    return restored;
  }

  // The generation has exactly the locations [0, count), books that balance, and goes on.
  void expect_restores(uint64_t count, std::optional<uint64_t> generation = {}) {
    const std::string to = "restored-" + std::to_string(restores_++);
    const auto restored = restore_to(to, generation);
    ASSERT_TRUE(restored) << restored.error().message;
    Process process(to, *files_, clock_);
    ASSERT_DONE(process.start());
    ASSERT_DONE(process.put_all());
    EXPECT_EQ(process.journal().durable_end(), count);
    EXPECT_EQ(process.kept()->size(), count);
    EXPECT_TRUE(*process.balances());
    ASSERT_DONE(process.acknowledge(count, count + 3));
    EXPECT_EQ(process.kept()->size(), count + 3);
    EXPECT_EQ(process.journal().position(count).epoch, restored->epoch);
    ASSERT_DONE(process.keeper().flush());
    EXPECT_TRUE(*process.balances());
  }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  ManualClock clock_{noon};
  int restores_ = 0;
};

TEST_F(Backup, a_restored_folder_has_everything_that_was_durable_and_goes_on) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 200, 10));
  const auto taken = process.back_up();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->journal_end, 200u);
  EXPECT_EQ(taken->store_watermark, 190u);
  EXPECT_EQ(taken->copied_bytes, taken->bytes());
  ASSERT_DONE(process.acknowledge(200, 220));  // behind the backup
  expect_restores(200);
}

TEST_F(Backup, a_folder_without_a_location_is_backed_up_and_restored) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.back_up());
  expect_restores(0);
}

TEST_F(Backup, the_next_generation_copies_only_what_is_new) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 500));
  ASSERT_DONE(process.back_up());
  ASSERT_DONE(process.acknowledge(500, 505));
  const auto second = process.back_up();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->generation, 2u);
  const auto small = [](const Entry& entry) { return !entry.path.starts_with("journal/"); };
  for (const Entry& entry : second->entries) {
    if (small(entry) || entry.parts.size() == 1) continue;
    EXPECT_LT(entry.parts.back().bytes, 1000u) << entry.path;
  }
  EXPECT_LT(second->copied_bytes, second->bytes() / 2);
  const auto third = process.back_up();
  ASSERT_TRUE(third);
  const auto not_journal = std::ranges::count_if(third->entries, small);
  EXPECT_LT(third->copied_bytes, 32'000u) << not_journal;  // RocksDB names its options anew
  expect_restores(505);
  expect_restores(500, 1);
}

TEST_F(Backup, old_generations_go_with_what_only_they_needed) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_DONE(process.acknowledge(i * 100, i * 100 + 100));
    ASSERT_DONE(process.back_up("backup", 2));
  }
  const auto vault = Vault::open_to_read("backup", *files_);
  ASSERT_TRUE(vault);
  EXPECT_EQ(*vault->generations(), (std::vector<uint64_t>{4, 5}));
  std::set<std::string> named;
  for (const uint64_t generation : {4, 5}) {
    const auto manifest = vault->read(generation);
    ASSERT_TRUE(manifest) << manifest.error().message;
    for (const Entry& entry : manifest->entries)
      for (const Part& part : entry.parts) named.insert(part.file);
  }
  const auto there = files_->list("backup/files");
  EXPECT_EQ(there->size(), named.size());
  expect_restores(400, 4);
  expect_restores(500);
  EXPECT_EQ(restore_to("third", 3).error().code, Code::not_found);
}

TEST_F(Backup, a_changed_bit_in_any_file_is_found_and_an_older_generation_may_be_whole) {
  {
    Process process("data", *files_, clock_);
    ASSERT_DONE(process.start());
    ASSERT_DONE(process.acknowledge(0, 100));
    ASSERT_DONE(process.back_up());
  }
  const auto content = files_->list("backup/files");
  ASSERT_TRUE(content);
  ASSERT_GT(content->size(), 5u);
  int tried = 0;
  for (const FileInfo& file : *content) {
    if (file.size == 0) continue;
    const std::string path = "backup/files/" + file.name;
    files_->flip_bit(path, file.size / 2, 3);
    const auto restored = restore_to("flipped-" + std::to_string(tried++));
    ASSERT_FALSE(restored) << file.name;
    EXPECT_EQ(restored.error().code, Code::corrupt);
    EXPECT_NE(restored.error().message.find(file.name), std::string::npos) << restored.error().message;
    files_->flip_bit(path, file.size / 2, 3);
  }
  const auto manifest = files_->info("backup/generations/00000001.json");
  files_->flip_bit("backup/generations/00000001.json", manifest->size / 2, 0);
  EXPECT_EQ(restore_to("manifest").error().code, Code::corrupt);
  files_->flip_bit("backup/generations/00000001.json", manifest->size / 2, 0);
  expect_restores(100);
}

TEST_F(Backup, damage_in_the_data_folder_is_not_backed_up_as_if_it_were_whole) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 100));
  ASSERT_DONE(process.back_up());
  ASSERT_DONE(process.acknowledge(100, 200));
  ASSERT_DONE(process.keeper().flush());
  const auto content = files_->list("data/store");
  const auto newest = std::find_if(content->rbegin(), content->rend(),
                                   [](const FileInfo& file) { return file.name.ends_with(".sst"); });
  ASSERT_NE(newest, content->rend());
  files_->flip_bit("data/store/" + newest->name, newest->size / 2, 1);
  const auto damaged = process.back_up();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::corrupt);
  expect_restores(100);
}

TEST_F(Backup, the_nth_failure_leaves_the_generations_before_and_the_next_one_is_whole) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 100));
  ASSERT_DONE(process.keeper().flush());
  ASSERT_DONE(process.back_up());
  ASSERT_DONE(process.acknowledge(100, 150));
  ASSERT_DONE(process.keeper().flush());
  bool clean = false;
  for (uint64_t n = 1; !clean; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    files_->fail_at(n, n % 2 == 0 ? Code::overloaded : Code::unavailable, Failing::from_then_on);
    const auto taken = process.back_up("backup", 100);
    clean = !files_->has_failed();
    files_->fail_no_more();
    EXPECT_EQ(taken.has_value(), clean) << (taken ? "" : taken.error().message);
    const auto vault = Vault::open_to_read("backup", *files_);
    ASSERT_TRUE(vault);
    const auto last = vault->read(vault->generations()->back());
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(last->journal_end, last->generation == 1 ? 100u : 150u);
    if (n % 25 == 1 || clean) {
      expect_restores(last->journal_end);
      expect_restores(100, 1);
    }
    ASSERT_LT(n, 500u);
  }
}

TEST_F(Backup, a_power_loss_at_any_moment_leaves_the_generation_before) {
  for (uint64_t n = 1;; n += 11) {
    SCOPED_TRACE("operation " + std::to_string(n));
    files_ = make_simulated_files(n);
    bool failed = false;
    {
      Process process("data", *files_, clock_);
      ASSERT_DONE(process.start());
      ASSERT_DONE(process.acknowledge(0, 30));
      ASSERT_DONE(process.back_up());
      ASSERT_DONE(process.acknowledge(30, 40));
      ASSERT_DONE(process.keeper().flush());
      files_->fail_at(n, Code::unavailable, Failing::from_then_on);
      [[maybe_unused]] const auto taken = process.back_up("backup", 1);
      failed = files_->has_failed();
      files_->stop();
    }
    files_->crash(n, Unsynced::dropped);
    const auto vault = Vault::open_to_read("backup", *files_);
    ASSERT_TRUE(vault) << vault.error().message;
    const auto last = vault->read(vault->generations()->back());
    ASSERT_TRUE(last) << last.error().message;
    expect_restores(last->journal_end);
    Process again("data", *files_, clock_);
    ASSERT_DONE(again.start());
    ASSERT_DONE(again.put_all());
    ASSERT_DONE(again.back_up());
    expect_restores(40);
    if (!failed) break;
  }
}

TEST_F(Backup, nothing_is_trimmed_while_it_is_held) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge_a_whole_ledger());
  {
    const auto held = process.keeper().hold_trim();
    std::jthread([&] { EXPECT_EQ(*process.keeper().trim(), 0u); }).join();
  }
  EXPECT_GT(*process.keeper().trim(), 0u);
}

TEST_F(Backup, a_trimmed_folder_is_restored_with_the_books_of_what_was_trimmed) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge_a_whole_ledger());
  ASSERT_GT(*process.keeper().trim(), 0u);
  const auto taken = process.back_up();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_GT(taken->journal_begin, 0u);
  const auto restored = restore_to("restored");
  ASSERT_TRUE(restored) << restored.error().message;
  Process again("restored", *files_, clock_);
  ASSERT_DONE(again.start());
  EXPECT_TRUE(*again.balances());
}

TEST_F(Backup, a_store_that_knows_positions_behind_the_restored_end_is_told_both_numbers) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 50));
  ASSERT_DONE(process.back_up());
  ASSERT_DONE(process.acknowledge(50, 60));
  ASSERT_TRUE(restore_to("restored"));
  Process again("restored", *files_, clock_);
  ASSERT_DONE(again.start());
  ASSERT_DONE(again.acknowledge(50, 70));  // others, at the same offsets
  const auto agreed = ingest::check_agreement(again.journal(), process.store());
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, Code::conflict);
  EXPECT_NE(agreed.error().message.find("offset 60"), std::string::npos) << agreed.error().message;
  EXPECT_NE(agreed.error().message.find("ends at offset 50"), std::string::npos) << agreed.error().message;
}

TEST_F(Backup, two_restores_of_one_generation_share_no_epoch) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_DONE(process.acknowledge(0, 5));
  ASSERT_DONE(process.back_up());
  const auto first = restore_to("first");
  clock_.advance(std::chrono::seconds(1));
  const auto second = restore_to("second");
  ASSERT_TRUE(first && second);
  EXPECT_GT(first->epoch, 1u);
  EXPECT_GT(second->epoch, first->epoch);
  // A backup of what was restored is restored under a third one.
  Process again("second", *files_, clock_);
  ASSERT_DONE(again.start());
  ASSERT_DONE(again.acknowledge(5, 9));
  ASSERT_DONE(again.back_up());
  const auto third = restore_to("third");
  ASSERT_TRUE(third) << third.error().message;
  EXPECT_EQ(third->epoch, second->epoch + 1);
  Process last("third", *files_, clock_);
  ASSERT_DONE(last.start());
  EXPECT_EQ(last.journal().epochs().all().size(), 3u);
  EXPECT_EQ(last.kept()->size(), 9u);
}

TEST_F(Backup, it_goes_nowhere_but_into_an_empty_folder_or_its_own) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_TRUE(files_->make_folder("photos"));
  ASSERT_DONE(write_file_atomically(*files_, "photos/summer.jpg", "not ours"));
  EXPECT_EQ(process.back_up("photos").error().code, Code::invalid);
  ASSERT_DONE(process.back_up());
  EXPECT_EQ(restore_to("photos").error().code, Code::conflict);
  EXPECT_EQ(restore_to("data").error().code, Code::conflict);
  const auto held = Vault::open_to_write("backup", *files_);
  ASSERT_TRUE(held);
  EXPECT_EQ(process.back_up().error().code, Code::conflict);
}

TEST_F(Backup, keys_come_with_it) {
  Process process("data", *files_, clock_);
  ASSERT_DONE(process.start());
  ASSERT_TRUE(files_->make_folder("data/keys"));
  ASSERT_DONE(write_file_atomically(*files_, "data/keys/signing.pem", "secret"));
  ASSERT_DONE(process.back_up());
  ASSERT_TRUE(restore_to("restored"));
  EXPECT_EQ(*read_file(*files_, "restored/keys/signing.pem"), "secret");
}

TEST(Manifest, is_read_as_it_was_written_and_nothing_outside_its_folder) {
  Manifest manifest{.generation = 3,
                    .made_at = noon,
                    .version = "0.1.0",
                    .data_format = 2,
                    .partition = 0,
                    .epochs = {{1, 0}, {7, 40}},
                    .journal_begin = 10,
                    .journal_end = 90,
                    .store_watermark = 80,
                    .books_end = 80,
                    .books_count = 80,
                    .books_ids = "ab",
                    .copied_bytes = 4,
                    .entries = {{.path = "journal/1.log", .salt = 5, .parts = {{"a", 3, 1}, {"b", 4, 0xffffffff}}}}};
  const auto read = decode_manifest(encode_manifest(manifest), "m");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, manifest);
  for (const std::string path : {"../up", "/etc/passwd", "a/../../b", "", "new\nline"}) {
    manifest.entries[0].path = path;
    EXPECT_EQ(decode_manifest(encode_manifest(manifest), "m").error().code, Code::corrupt) << path;
  }
}

}  // namespace
}  // namespace waybill::backup

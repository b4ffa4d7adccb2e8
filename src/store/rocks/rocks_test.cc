#include "store/rocks/rocks.h"

#include <rocksdb/db.h>

#include "store/rocks/grounds.h"

namespace waybill::store {
namespace {

constexpr Position journal{.epoch = 1, .partition = 0, .offset = 0};

std::vector<Entry> locations(uint64_t from, uint64_t count) {
  std::vector<Entry> entries;
  for (uint64_t offset = from; offset < from + count; ++offset)
    entries.push_back({.offset = offset,
                       .record = seen(offset % 2 ? std::optional<std::string>("A") : std::nullopt, "d1",
                                      static_cast<int64_t>(offset)),
                       .undecoded = {}});
  return entries;
}

TEST(RocksStore, a_reader_beside_a_writer_sees_what_was_flushed) {
  const Folder folder;
  EXPECT_EQ(open_rocks_store(small(folder.store(), Access::read_only), system_files()).error().code, Code::not_found);
  const auto writer = checked(open_rocks_store(small(folder.store()), system_files()));
  ASSERT_TRUE(writer->put(journal, locations(0, 100)));
  ASSERT_TRUE(writer->flush());
  ASSERT_TRUE(writer->put(journal, locations(100, 100)));
  const auto reader = checked(open_rocks_store(small(folder.store(), Access::read_only), system_files()));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->watermarks().visible, 100u);
  EXPECT_EQ(checked(reader->recount()).locations_and_commands.count, 100u);
  EXPECT_EQ(reader->put(journal, locations(100, 1)).error().code, Code::denied);
  EXPECT_EQ(reader->flush().error().code, Code::denied);
  // What the writer removes later stays readable here.
  for (uint64_t at = 200; at < 3000; at += 100) {
    ASSERT_TRUE(writer->put(journal, locations(at, 100)));
    ASSERT_TRUE(writer->flush());
  }
  EXPECT_EQ(checked(reader->recount()).locations_and_commands.count, 100u);
  const auto later = checked(open_rocks_store(small(folder.store(), Access::read_only), system_files()));
  EXPECT_EQ(checked(later->recount()).locations_and_commands.count, 3000u);
}

TEST(RocksStore, a_second_writer_is_refused) {
  const auto files = simulated_disk();
  const Folder folder;
  const auto first = checked(open_rocks_store(small("/data/store"), *files));
  EXPECT_EQ(open_rocks_store(small("/data/store"), *files).error().code, Code::conflict);
  const auto real = checked(open_rocks_store(small(folder.store()), system_files()));
  EXPECT_EQ(open_rocks_store(small(folder.store()), system_files()).error().code, Code::conflict);
}

TEST(RocksStore, a_reader_of_what_an_older_version_wrote_finds_nothing_in_the_tables_that_it_had_not) {
  const Folder folder;
  {
    const auto writer = checked(open_rocks_store(small(folder.store()), system_files()));
    ASSERT_TRUE(writer->put(journal, locations(0, 100)));
    ASSERT_TRUE(writer->flush());
  }
  {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, folder.store(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> tables;
    for (const std::string& name : names) tables.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, folder.store(), tables, &handles, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    for (auto* handle : handles) {
      const bool dropped = handle->GetName() != "erasure" || db->DropColumnFamily(handle).ok();
      ASSERT_TRUE(dropped);
      db->DestroyColumnFamilyHandle(handle);
    }
  }
  {
    const auto reader = checked(open_rocks_store(small(folder.store(), Access::read_only), system_files()));
    ASSERT_TRUE(reader);
    EXPECT_TRUE(checked(reader->erasures()).empty());
    EXPECT_EQ(checked(reader->recount()).locations_and_commands.count, 100u);
  }
  const auto writer = checked(open_rocks_store(small(folder.store()), system_files()));
  EXPECT_TRUE(writer->put(journal, locations(100, 1)));
}

TEST(RocksStore, a_newer_format_is_refused) {
  const Folder folder;
  {
    ASSERT_TRUE(open_rocks_store(small(folder.store()), system_files()));
  }
  {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, folder.store(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> tables;
    for (const std::string& name : names) tables.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, folder.store(), tables, &handles, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    ASSERT_TRUE(db->Put({}, "meta", "\x03what comes later").ok());
    ASSERT_TRUE(db->Flush({}).ok());
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }
  const auto refused = open_rocks_store(small(folder.store()), system_files());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_NE(refused.error().message.find("format 3"), std::string::npos) << refused.error().message;
}

TEST(RocksStore, a_full_disk_is_overloaded_and_nothing_is_lost) {
  const auto files = simulated_disk();
  auto store = checked(open_rocks_store(small("/data/store"), *files));
  ASSERT_TRUE(store->put(journal, locations(0, 1000)));
  ASSERT_TRUE(store->flush());
  ASSERT_TRUE(store->put(journal, locations(1000, 1000)));
  files->set_capacity(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(store->flush().error().code, Code::overloaded);
  EXPECT_EQ(store->watermarks().durable, 1000u);
  EXPECT_EQ(checked(store->recount()).locations_and_commands.count, 2000u);
  files->set_capacity(1 << 30);
  const auto flushed = store->flush();
  ASSERT_TRUE(flushed) << flushed.error().message;
  ASSERT_TRUE(store->put(journal, locations(2000, 1000)));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(store->watermarks().durable, 3000u);
  files->stop();
  store.reset();
  files->crash(1, Unsynced::dropped);
  store = checked(open_rocks_store(small("/data/store"), *files));
  EXPECT_EQ(checked(store->recount()).locations_and_commands.count, 3000u);
}

uint64_t bytes_of(const std::string& folder) {
  uint64_t bytes = 0;
  for (const FileInfo& file : checked(system_files().list(folder)))
    if (file.name.ends_with(".sst")) bytes += file.size;
  return bytes;
}

TEST(RocksStore, what_was_let_go_leaves_the_files_though_nothing_is_written_where_it_was) {
  const Folder folder;
  const auto store = checked(open_rocks_store(small(folder.store()), system_files()));
  // Each span has couriers of its own, whose keys stand apart.
  std::vector<Entry> entries;
  for (uint64_t offset = 0; offset < 3 * ledger_span; ++offset) {
    Location location = seen({}, std::to_string(offset / 10'000), static_cast<int64_t>(offset));
    location.longitude = static_cast<double>(offset * 2'654'435'761 % 1'000'003) * 1e-6;
    entries.push_back({.offset = offset, .record = location, .undecoded = {}});
    if (entries.size() < 16'384) continue;
    ASSERT_TRUE(store->put(journal, entries));
    ASSERT_TRUE(store->flush());
    entries.clear();
  }
  const uint64_t before = bytes_of(folder.store());
  for (uint64_t spans = 1; spans <= 2; ++spans)
    while (checked(store->purge(spans * ledger_span))) {
    }
  ASSERT_TRUE(store->flush());
  EXPECT_LT(bytes_of(folder.store()), before / 2);
  EXPECT_EQ(checked(store->recount()).locations_and_commands.count, ledger_span);
}

std::unique_ptr<Ground> make_simulated_ground() { return std::make_unique<SimulatedGround>(); }
std::unique_ptr<Ground> make_folder_ground() { return std::make_unique<FolderGround>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(RocksOnSimulatedFiles, StoreContract, testing::Values(&make_simulated_ground));
INSTANTIATE_TEST_SUITE_P(RocksInAFolder, StoreContract, testing::Values(&make_folder_ground));

}  // namespace waybill::store

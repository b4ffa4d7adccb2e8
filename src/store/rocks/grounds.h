// store/rocks/grounds.h — what RocksDB stands on in tests: simulated files that crash, and a real folder.
#pragma once

#include <filesystem>

#include "base/random.h"
#include "base/simulated_files.h"
#include "store/rocks/rocks.h"
#include "store/store_contract.h"

namespace waybill::store {

inline constexpr uint64_t small_bytes = 4 << 20;

inline RocksOptions small(const std::string& folder, Access access = Access::read_write,
                          std::shared_ptr<wire::ErasedNames> erased = nullptr) {
  return {.folder = folder,
          .cache_bytes_max = small_bytes,
          .write_buffer_bytes_max = small_bytes,
          .open_files_max = 64,
          .access = access,
          .erased = std::move(erased)};
}

// With /data made durable, as whoever makes the data folder does.
inline std::unique_ptr<SimulatedFiles> simulated_disk(uint64_t seed = 1) {
  auto files = make_simulated_files(seed);
  EXPECT_TRUE(files->make_folder("/data"));
  EXPECT_TRUE(files->sync_folder("/"));
  return files;
}

class SimulatedGround final : public Ground {
 public:
  Result<std::unique_ptr<Store>> open() override {
    return open_rocks_store(small("/data/store", Access::read_write, nobody_erased()), *files_);
  }
  void crash(std::unique_ptr<Store> store) override {
    files_->stop();
    store.reset();
    files_->crash(1, Unsynced::dropped);
  }

 private:
  std::unique_ptr<SimulatedFiles> files_ = simulated_disk();
};

// A folder of the system's, gone at the end.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("waybill-store-" + std::to_string(random_seed()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string store() const { return (path_ / "store").string(); }

 private:
  std::filesystem::path path_;
};

// Closing writes nothing, so that to the tables it is as if the process had died.
class FolderGround final : public Ground {
 public:
  Result<std::unique_ptr<Store>> open() override {
    return open_rocks_store(small(folder_.store(), Access::read_write, nobody_erased()), system_files());
  }
  void crash(std::unique_ptr<Store> store) override { store.reset(); }

 private:
  Folder folder_;
};

}  // namespace waybill::store

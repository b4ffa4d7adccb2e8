// corpus/run_corpus.cc — runs a fuzzer's function once over each file of its corpus, as a test, where there is no libFuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string corpus_folder;

TEST(Corpus, every_file_is_read_without_a_crash) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(corpus_folder, error))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  ASSERT_FALSE(error) << corpus_folder << ": " << error.message();
  ASSERT_FALSE(paths.empty()) << corpus_folder << " holds no file";
  std::ranges::sort(paths);

  LLVMFuzzerTestOneInput(nullptr, 0);
  for (const auto& path : paths) {
    SCOPED_TRACE(path.filename().string());
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << "cannot be opened";
    // Exactly as long as the file, on the heap: a byte read beyond it is seen by the sanitizer.
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::cout << paths.size() << " files of " << corpus_folder << " read\n";
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER\n";
    return 2;
  }
  corpus_folder = argv[1];
  return RUN_ALL_TESTS();
}

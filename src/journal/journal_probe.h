// journal/journal_probe.h — what the journal's tests share: a journal over simulated files, and the books of what was sent.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/simulated_files.h"
#include "journal/journal.h"

namespace waybill::journal {

inline Records records_of(const std::vector<std::string>& texts) {
  Records records;
  for (const std::string& text : texts) {
    records.bytes += text;
    records.ends.push_back(records.bytes.size());
  }
  return records;
}

inline std::vector<std::string> texts_of(const Records& records) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < records.size(); ++i) texts.emplace_back(as_text(records[i]));
  return texts;
}

inline std::string message(const auto& result) { return result ? "" : result.error().message; }

// All of [from, end) by reads of `bytes_max`, each beginning where the last ended.
template <class Readable>
Result<std::vector<std::string>> read_all(Readable& journal, uint64_t from, uint64_t end, size_t bytes_max) {
  std::vector<std::string> texts;
  while (from < end) {
    TRY_LET(const ReadResult part, journal.read(from, bytes_max));
    if (part.first != from || part.records.empty()) return fail(Code::invalid, "read gave nothing or something else");
    for (std::string& text : texts_of(part.records)) texts.push_back(std::move(text));
    from += part.records.size();
  }
  return texts;
}

// A folder, and the journal that is open on it.
class Probe {
 public:
  explicit Probe(JournalOptions options, uint64_t seed = 1)
      : files_(make_simulated_files(seed)), options_(std::move(options)) {
    options_.folder = "data/journal";
    options_.space_retry = std::chrono::milliseconds(1);
  }

  Result<void> open() {
    journal_.reset();
    metrics_ = make_metrics();
    TRY_LET(journal_, open_journal(options_, *files_, clock_, *metrics_));
    return {};
  }
  // The power goes while the journal is in whatever it is in.
  void crash(uint64_t seed, Unsynced unsynced = Unsynced::by_seed) {
    files_->stop();
    journal_.reset();
    files_->crash(seed, unsynced);
  }
  void close() { journal_.reset(); }

  Journal& journal() { return *journal_; }
  SimulatedFiles& files() { return *files_; }
  ManualClock& clock() { return clock_; }
  JournalOptions& options() { return options_; }
  uint64_t count(const std::string& name) { return metrics_->counter(name, "").value(); }

  Appended append(const std::vector<std::string>& texts) {
    const auto appended = journal_->append(records_of(texts));
    EXPECT_TRUE(appended) << message(appended);
    return appended.value_or(Appended{});
  }
  Appended keep(const std::vector<std::string>& texts) {
    const Appended appended = append(texts);
    const auto committed = journal_->commit();
    EXPECT_TRUE(committed) << message(committed);
    return appended;
  }
  std::vector<std::string> all(size_t bytes_max = 1 << 20) {
    const auto texts = read_all(*journal_, journal_->begin(), journal_->durable_end(), bytes_max);
    EXPECT_TRUE(texts) << message(texts);
    return texts.value_or(std::vector<std::string>());
  }
  std::vector<std::string> segment_paths() {
    std::vector<std::string> paths;
    const auto listed = files_->list(options_.folder).value();
    for (const FileInfo& file : listed)
      if (file.name.ends_with(".log")) paths.push_back(join_path(options_.folder, file.name));
    return paths;
  }
  std::string segment_path(size_t index) { return segment_paths().at(index); }
  size_t segments() { return segment_paths().size(); }

 private:
  std::unique_ptr<SimulatedFiles> files_;
  ManualClock clock_{at_us(1'700'000'000'000'000)};
  JournalOptions options_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Journal> journal_;
};

// acknowledged ⊆ kept ⊆ sent, each at its offset.
class SentAndKept {
 public:
  void sent(uint64_t first, const std::vector<std::string>& texts) {
    for (size_t i = 0; i < texts.size(); ++i) sent_[first + i].insert(texts[i]);
    waiting_.emplace_back(first, texts);
  }
  void acknowledged() {
    for (const auto& [first, texts] : waiting_)
      for (size_t i = 0; i < texts.size(); ++i) acknowledged_[first + i] = texts[i];
    waiting_.clear();
  }
  // What an opened journal shows is durable from then on.
  void check_after_open(Journal& journal) {
    waiting_.clear();
    const auto kept = read_all(journal, journal.begin(), journal.durable_end(), 700);
    ASSERT_TRUE(kept) << message(kept);
    ASSERT_EQ(kept->size(), journal.durable_end() - journal.begin());
    if (!acknowledged_.empty()) {
      ASSERT_GE(journal.durable_end(), acknowledged_.rbegin()->first + 1);
    }
    for (size_t i = 0; i < kept->size(); ++i) {
      const uint64_t offset = journal.begin() + i;
      ASSERT_TRUE(sent_[offset].contains((*kept)[i])) << "offset " << offset << " holds what was never sent there";
      if (const auto known = acknowledged_.find(offset); known != acknowledged_.end()) {
        ASSERT_EQ((*kept)[i], known->second);
      }
      acknowledged_[offset] = (*kept)[i];
    }
  }
  size_t acknowledged_count() const { return acknowledged_.size(); }

 private:
  std::map<uint64_t, std::set<std::string>> sent_;
  std::map<uint64_t, std::string> acknowledged_;
  std::vector<std::pair<uint64_t, std::vector<std::string>>> waiting_;
};

}  // namespace waybill::journal

#include <utility>

#include "journal/journal.h"
#include "journal/segment.h"

namespace waybill::journal {
namespace {

class Follower final : public Source {
 public:
  Follower(Files& files, std::string folder, std::unique_ptr<JournalReader> reader)
      : files_(files), folder_(std::move(folder)), reader_(std::move(reader)) {}

  // Everything up to where the reader has come is durable when it has returned.
  Result<void> settle() {
    const uint64_t end = reader_->end();
    if (end == durable_end_) return {};
    TRY_LET(const auto firsts, list_segments(files_, folder_));
    for (size_t i = 0; i < firsts.size(); ++i) {
      const bool holds_news = i + 1 == firsts.size() || firsts[i + 1] > durable_end_;
      if (holds_news && firsts[i] < end) TRY(sync(firsts[i]));
    }
    durable_end_ = end;
    return {};
  }

  Result<ReadResult> read(uint64_t offset, size_t bytes_max) override {
    if (offset >= durable_end_) {
      TRY(check());
      TRY(reader_->refresh());
      TRY(settle());
    }
    if (offset >= durable_end_) return ReadResult{.first = offset, .records = {}};
    return reader_->read(offset, bytes_max);
  }

  const Epochs& epochs() const override { return reader_->epochs(); }
  uint32_t partition() const override { return reader_->partition(); }
  uint64_t begin() const override { return reader_->begin(); }
  uint64_t durable_end() const override { return durable_end_; }

 private:
  // The system may have dropped what it could not write: no later sync would say so.
  Result<void> check() const {
    if (failed_.empty()) return {};
    return fail(Code::corrupt, folder_ + ": what was written to the journal could not be synced: " + failed_);
  }

  Result<void> sync(uint64_t first) {
    const auto file = files_.open(join_path(folder_, segment_name(first)), OpenMode::read);
    if (!file && file.error().code == Code::not_found) return {};  // trimmed meanwhile: everybody has it
    if (!file) return std::unexpected(file.error());
    if (auto synced = (*file)->sync(); !synced) failed_ = synced.error().message;
    return check();
  }

  Files& files_;
  const std::string folder_;
  const std::unique_ptr<JournalReader> reader_;
  uint64_t durable_end_ = 0;
  std::string failed_;  // what the first sync that failed said
};

}  // namespace

Result<std::unique_ptr<Source>> follow_journal(const std::string& folder, Files& files) {
  TRY_LET(auto reader, open_journal_reader(folder, files));
  auto follower = std::make_unique<Follower>(files, folder, std::move(reader));
  TRY(follower->settle());
  return follower;
}

}  // namespace waybill::journal

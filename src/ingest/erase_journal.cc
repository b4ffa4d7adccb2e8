#include "ingest/erase_journal.h"

#include "store/ledger.h"

namespace waybill::ingest {
namespace {

constexpr size_t read_bytes = 1 << 20;

// What stands instead of the records of one segment. The last one of a span carries what the books of the span would miss.
class Replacing {
 public:
  void add(uint64_t offset, const wire::Record& record, wire::Record left) {
    if (replacements_.empty() || span_ != offset / store::ledger_span) end_span();
    span_ = offset / store::ledger_span;
    missing_ += wire::event_id_of(record);
    missing_ -= wire::event_id_of(left);
    std::string bytes;
    wire::encode_record(left, bytes);
    replacements_.push_back({.offset = offset, .record = std::move(bytes)});
    last_ = std::move(left);
  }

  std::vector<journal::Replacement> take() {
    end_span();
    return std::move(replacements_);
  }

 private:
  void end_span() {
    if (missing_ == EventId{}) return;
    wire::Remains remains;
    if (auto* known = std::get_if<wire::Remains>(&last_))
      remains = std::move(*known);
    else
      wire::encode_record(last_, remains.rest);
    remains.carry += missing_;
    replacements_.back().record.clear();
    wire::encode_record(wire::Record(std::move(remains)), replacements_.back().record);
    missing_ = {};
  }

  std::vector<journal::Replacement> replacements_;
  uint64_t span_ = 0;
  EventId missing_;
  wire::Record last_;
};

}  // namespace

std::vector<ClosedSegment> closed_segments(const journal::Journal& journal, uint64_t end) {
  const auto segments = journal.status().segments;
  std::vector<ClosedSegment> closed;
  for (size_t i = 0; i + 1 < segments.size() && segments[i + 1].first <= end; ++i)
    closed.push_back({.first = segments[i].first, .end = segments[i + 1].first});
  return closed;
}

Result<uint64_t> erase_from(journal::Journal& journal, const ClosedSegment& segment, const wire::ErasedNames& erased) {
  Replacing replacing;
  for (uint64_t next = segment.first; next < segment.end;) {
    TRY_LET(const journal::ReadResult read, journal.read(next, read_bytes));
    for (size_t i = 0; i < read.records.size() && next < segment.end; ++i, ++next) {
      const auto record = wire::decode_record(read.records[i]);
      if (!record || !erased.names_one(*record)) continue;
      wire::Record left = *record;
      if (erased.take_out(left) == wire::ErasedNames::Left::nothing) left = wire::Remains{};
      replacing.add(next, *record, std::move(left));
    }
  }
  const std::vector<journal::Replacement> replacements = replacing.take();
  TRY(journal.rewrite(segment.first, replacements));
  return replacements.size();
}

}  // namespace waybill::ingest

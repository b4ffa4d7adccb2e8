// Any bytes as a segment file: the reader and the opening of a writer answer, in bounded time, without a crash.
//
// The first byte says how: bit 0: a valid header stands before the bytes; bit 1: the frames' checksums are made right, so
// that what lies behind them is reached; bit 2: the journal is also opened for writing, appended to and opened again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/simulated_files.h"
#include "journal/frame.h"
#include "journal/journal.h"
#include "journal/segment.h"

namespace {

using namespace waybill;
using namespace waybill::journal;

constexpr uint32_t salt = 7;
constexpr size_t input_bytes_max = 1 << 20;

uint32_t number_at(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

void repair_checksums(std::string& bytes, size_t at) {
  while (at + frame_header_bytes <= bytes.size()) {
    const uint32_t length = std::min<uint32_t>(number_at(bytes, at + 4) % (64 << 10),
                                               static_cast<uint32_t>(bytes.size() - at - frame_header_bytes));
    std::memcpy(bytes.data() + at + 4, &length, sizeof length);
    const Bytes frame = waybill::as_bytes(bytes).subspan(at, frame_header_bytes + length);
    const uint32_t crc = crc32c(frame.first(12), crc32c(frame.subspan(16), salt));
    std::memcpy(bytes.data() + at + 12, &crc, sizeof crc);
    at += frame.size();
  }
}

// All that can be read; whatever is damaged ends it.
void read_through(JournalReader& reader) {
  for (uint64_t offset = reader.begin(); offset < reader.end();) {
    const auto part = reader.read(offset, 100);
    if (!part) return;
    CHECK(!part->records.empty(), "a read before the end gives a record or an error");
    CHECK(part->first == offset, "a read begins where it was asked to");
    offset += part->records.size();
  }
  CHECK(reader.end() < UINT64_MAX, "an offset has one behind it");
  static_cast<void>(reader.read(reader.begin() + (reader.end() - reader.begin()) / 2, 1));
}

void write_on(Files& files) {
  ManualClock clock(at_us(0));
  for (int round = 0; round < 2; ++round) {
    const auto metrics = make_metrics();
    const auto journal = open_journal({.folder = "journal", .segment_bytes = 64 << 10}, files, clock, *metrics);
    if (!journal) return;
    Records records;
    records.bytes = "appended";
    records.ends = {8};
    const uint64_t end = (*journal)->durable_end();
    const auto appended = (*journal)->append(records);
    if (!appended) return;  // offsets that have come to their end, or a segment without room
    CHECK(appended->first == end, "an append goes on at the end");
    CHECK((*journal)->commit(), "nothing fails here");
    const auto read = (*journal)->read(end, 100);
    CHECK(read && read->records.size() == 1 && as_text(read->records[0]) == "appended", "reads what it wrote");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  waybill::log::configure(waybill::log::Level::off, waybill::log::Format::text);
  if (size == 0 || size > input_bytes_max) return 0;
  const uint8_t how = data[0];
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  uint64_t first = 0;
  if ((how & 1) != 0) {
    const auto header = encode_segment_header({.epoch = 1, .partition = 0, .salt = salt, .first = first, .begun = {}});
    bytes.insert(0, reinterpret_cast<const char*>(header.data()), header.size());
    if ((how & 2) != 0) repair_checksums(bytes, header.size());
  } else if (const auto header = decode_segment_header(as_bytes(bytes), "input")) {
    first = header->first;
  }
  const auto files = make_simulated_files();
  CHECK(files->make_folder("journal"), "an empty disk takes a folder");
  auto file = files->open("journal/" + segment_name(first), OpenMode::create);
  CHECK(file && (*file)->write_at(0, as_bytes(bytes)), "an empty disk takes a file");
  if (const auto reader = open_journal_reader("journal", *files)) read_through(**reader);
  if ((how & 4) != 0) write_on(*files);
  return 0;
}

#include "journal/segment.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "base/hash.h"
#include "base/random.h"

namespace waybill::journal {
namespace {

constexpr std::string_view magic = "WAYBILLJ";
constexpr std::string_view extension = ".log";
constexpr size_t name_digits = 20;
constexpr size_t crc_at = 60;
constexpr size_t zeros_bytes = 1 << 20;
// Written zeros are synced in steps, so that a group's sync never waits behind a whole segment of them.
constexpr uint64_t zeros_unsynced_bytes_max = 4 << 20;

template <class Number>
Number load(Bytes bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

template <class Number>
void store(std::array<std::byte, segment_header_bytes>& bytes, size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

Result<void> fill_with_zeros(File& file, uint64_t bytes, const std::stop_token& stop) {
  static const std::vector<std::byte> zeros(zeros_bytes);
  for (uint64_t done = 0; done < bytes;) {
    if (stop.stop_requested()) return fail(Code::unavailable, "stopped");
    const uint64_t count = std::min<uint64_t>(zeros.size(), bytes - done);
    TRY(file.write_at(done, Bytes(zeros).first(count)));
    done += count;
    if (done == bytes || done % zeros_unsynced_bytes_max == 0) TRY(file.sync());
  }
  return {};
}

}  // namespace

std::array<std::byte, segment_header_bytes> encode_segment_header(const SegmentHeader& header) {
  std::array<std::byte, segment_header_bytes> bytes{};
  std::memcpy(bytes.data(), magic.data(), magic.size());
  store(bytes, 8, segment_version);
  store(bytes, 12, header.epoch);
  store(bytes, 16, header.partition);
  store(bytes, 20, header.salt);
  store(bytes, 24, header.first);
  store(bytes, 32, to_us(header.begun));
  store(bytes, crc_at, crc32c(Bytes(bytes).first(crc_at)));
  return bytes;
}

Result<SegmentHeader> decode_segment_header(Bytes bytes, const std::string& name) {
  if (bytes.size() < segment_header_bytes || as_text(bytes.first(magic.size())) != magic)
    return fail(Code::corrupt, name + ": damaged: not the header of a segment");
  if (crc32c(bytes.first(crc_at)) != load<uint32_t>(bytes, crc_at))
    return fail(Code::corrupt, name + ": damaged: the checksum of the segment's header is wrong");
  if (const auto version = load<uint32_t>(bytes, 8); version != segment_version) {
    return fail(Code::invalid, name + ": is of version " + std::to_string(version) + ", this program knows version " +
                                   std::to_string(segment_version) + ": start the program that wrote it");
  }
  return SegmentHeader{.epoch = load<uint32_t>(bytes, 12),
                       .partition = load<uint32_t>(bytes, 16),
                       .salt = load<uint32_t>(bytes, 20),
                       .first = load<uint64_t>(bytes, 24),
                       .begun = at_us(load<int64_t>(bytes, 32))};
}

std::string segment_name(uint64_t first) {
  std::array<char, name_digits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%020" PRIu64, first);
  return digits.data() + std::string(extension);
}

std::optional<uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != name_digits + extension.size() || !name.ends_with(extension)) return std::nullopt;
  uint64_t first = 0;
  const char* const end = name.data() + name_digits;
  const auto parsed = std::from_chars(name.data(), end, first);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return first;
}

bool is_unused_segment(std::string_view name) { return name.starts_with("next") && name.ends_with(".tmp"); }

Result<std::vector<uint64_t>> list_segments(const Files& files, const std::string& folder) {
  TRY_LET(const auto entries, files.list(folder));
  std::vector<uint64_t> found;
  for (const FileInfo& entry : entries) {
    if (const auto first = parse_segment_name(entry.name); first && !entry.folder) found.push_back(*first);
  }
  return found;  // the names have as many digits each, so they are sorted as the numbers are
}

Result<Segment> read_segment(Files& files, const std::string& folder, uint64_t first) {
  const std::string path = join_path(folder, segment_name(first));
  TRY_LET(const auto file, files.open(path, OpenMode::read));
  TRY_LET(const uint64_t bytes, file->size());
  std::array<std::byte, segment_header_bytes> header{};
  TRY_LET(const size_t count, file->read_at(0, header));
  TRY_LET(const SegmentHeader decoded, decode_segment_header(Bytes(header).first(count), path));
  if (decoded.first != first)
    return fail(Code::corrupt, path + ": its header says that it begins at offset " + std::to_string(decoded.first));
  return Segment{.header = decoded, .bytes = bytes};
}

Result<UnusedSegment> make_unused_segment(Files& files, const std::string& folder, uint64_t number, uint64_t bytes,
                                          const std::stop_token& stop) {
  const std::string path = join_path(folder, "next-" + std::to_string(number) + ".tmp");
  TRY_LET(auto file, files.open(path, OpenMode::create));
  if (auto filled = fill_with_zeros(*file, bytes, stop); !filled) {
    file.reset();
    static_cast<void>(files.remove(path));  // its failure changes nothing: the next open removes it
    return std::unexpected(std::move(filled.error()));
  }
  return UnusedSegment{
      .file = std::move(file), .path = path, .bytes = bytes, .salt = static_cast<uint32_t>(random_seed())};
}

Result<void> begin_segment(Files& files, const std::string& folder, UnusedSegment& unused,
                           const SegmentHeader& header) {
  TRY(unused.file->write_at(0, encode_segment_header(header)));
  TRY(unused.file->sync());
  const std::string path = join_path(folder, segment_name(header.first));
  TRY(files.rename(unused.path, path));
  unused.path = path;
  return files.sync_folder(folder);
}

}  // namespace waybill::journal

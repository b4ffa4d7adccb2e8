#include "journal/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"

namespace waybill::journal {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little endian");

template <class Number>
Number load(Bytes bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

template <class Number>
void store(char* at, Number number) {
  std::memcpy(at, &number, sizeof number);
}

char* put_varint(char* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

// The length of the next record, or false where there is none within the payload.
bool get_record(Bytes& payload, Bytes& record) {
  uint64_t length = 0;
  for (int shift = 0; shift < 28; shift += 7) {  // four bytes hold more than payload_bytes_max
    if (payload.empty()) return false;
    const auto byte = std::to_integer<uint64_t>(payload[0]);
    payload = payload.subspan(1);
    length |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (length > payload.size()) return false;
    record = payload.first(length);
    payload = payload.subspan(length);
    return true;
  }
  return false;
}

// The salt keeps bytes that look like a frame, inside of a record or left from another file, from being one.
uint32_t frame_crc(Bytes frame, uint32_t salt) {
  const uint32_t body = crc32c(frame.subspan(16), salt);
  return crc32c(frame.first(12), body);
}

}  // namespace

size_t encoded_bytes(size_t record_bytes) {
  size_t length = 1;
  for (size_t left = record_bytes >> 7; left != 0; left >>= 7) ++length;
  return length + record_bytes;
}

Decoded decode_frame(Bytes bytes, uint32_t salt) {
  Decoded decoded;
  if (bytes.size() < frame_header_bytes || load<uint32_t>(bytes, 0) == 0) {
    decoded.state = FrameState::ended;
    return decoded;
  }
  const auto length = load<uint32_t>(bytes, 4);
  const auto count = load<uint32_t>(bytes, 8);
  const auto first = load<uint64_t>(bytes, 16);
  // Each record takes a byte of length at least.
  if (load<uint32_t>(bytes, 0) != frame_magic || length > payload_bytes_max || count == 0 || count > length ||
      first > UINT64_MAX - count) {
    return decoded;
  }
  if (bytes.size() - frame_header_bytes < length) {
    decoded.state = FrameState::cut;
    decoded.needed = frame_header_bytes + length;
    return decoded;
  }
  const Bytes frame = bytes.first(frame_header_bytes + length);
  if (frame_crc(frame, salt) != load<uint32_t>(bytes, 12)) return decoded;
  decoded.state = FrameState::whole;
  decoded.frame = {.count = count,
                   .first = first,
                   .synced = load<uint64_t>(bytes, 24),
                   .payload = frame.subspan(frame_header_bytes)};
  return decoded;
}

void encode_frame(const Records& records, const Cut& cut, uint64_t first, uint64_t synced, uint32_t salt,
                  std::string& out) {
  const size_t begin = out.size();
  // The size that it passes is left alone: libstdc++ 12 passes the capacity.
  out.resize_and_overwrite(begin + cut.frame_bytes(), [&](char* data, size_t) {
    char* const header = data + begin;
    store(header, frame_magic);
    store(header + 4, static_cast<uint32_t>(cut.payload_bytes));
    store(header + 8, static_cast<uint32_t>(cut.end - cut.begin));
    store(header + 16, first);
    store(header + 24, synced);
    char* at = header + frame_header_bytes;
    size_t from = cut.begin == 0 ? 0 : records.ends[cut.begin - 1];
    for (size_t i = cut.begin; i < cut.end; ++i) {
      const size_t length = records.ends[i] - from;
      at = put_varint(at, length);
      std::memcpy(at, records.bytes.data() + from, length);
      at += length;
      from = records.ends[i];
    }
    CHECK(at == header + cut.frame_bytes(), "a cut knows the size of its payload");
    const Bytes frame = waybill::as_bytes(std::string_view(header, cut.frame_bytes()));
    store(header + 12, frame_crc(frame, salt));
    return begin + cut.frame_bytes();
  });
}

Taken take_records(const Frame& frame, uint64_t from, uint64_t to, size_t bytes_max, Records& records) {
  const size_t records_before = records.ends.size();
  const size_t bytes_before = records.bytes.size();
  Bytes payload = frame.payload;
  Bytes record;
  bool full = false;
  for (uint64_t offset = frame.first; offset < frame.end(); ++offset) {
    if (!get_record(payload, record)) {
      records.ends.resize(records_before);
      records.bytes.resize(bytes_before);
      return Taken::malformed;
    }
    if (offset < from || offset >= to || full) continue;
    if (!records.empty() && records.bytes.size() + record.size() > bytes_max) {
      full = true;
      continue;
    }
    records.bytes.append(as_text(record));
    records.ends.push_back(records.bytes.size());
  }
  if (!payload.empty()) {
    records.ends.resize(records_before);
    records.bytes.resize(bytes_before);
    return Taken::malformed;
  }
  return full ? Taken::some : Taken::all;
}

}  // namespace waybill::journal

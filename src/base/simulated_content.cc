#include "base/simulated_content.h"

#include <algorithm>
#include <cstring>

namespace waybill::simulated {
namespace {

constexpr uint64_t sector_bytes = 512;  // a disk writes these whole

bool all_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace

template <class Visit>
void Content::each_piece(uint64_t offset, size_t total, Visit visit) {
  for (size_t done = 0; done < total;) {
    const size_t at = static_cast<size_t>(offset % chunk_bytes);
    const size_t count = std::min(total - done, chunk_bytes - at);
    visit(static_cast<size_t>(offset / chunk_bytes), at, done, count);
    done += count;
    offset += count;
  }
}

void Content::read(uint64_t offset, std::span<std::byte> into) const {
  each_piece(offset, into.size(), [&](size_t index, size_t at, size_t done, size_t count) {
    if (index < chunks_.size() && chunks_[index]) {
      std::memcpy(into.data() + done, chunks_[index]->data() + at, count);
    } else {
      std::memset(into.data() + done, 0, count);
    }
  });
}

std::string Content::copy(uint64_t offset, uint64_t count) const {
  std::string bytes(count, '\0');
  read(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void Content::write(uint64_t offset, Bytes bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size_) resize(offset + bytes.size());
  each_piece(offset, bytes.size(), [&](size_t index, size_t at, size_t done, size_t count) {
    auto& chunk = chunks_[index];
    const Bytes piece = bytes.subspan(done, count);
    if (!chunk && all_zero(piece)) return;
    if (!chunk) chunk = std::make_unique<Chunk>();
    std::memcpy(chunk->data() + at, piece.data(), count);
  });
}

void Content::resize(uint64_t size) {
  if (size < size_) {
    const size_t at = static_cast<size_t>(size % chunk_bytes);
    const size_t index = static_cast<size_t>(size / chunk_bytes);
    if (at != 0 && chunks_[index]) std::memset(chunks_[index]->data() + at, 0, chunk_bytes - at);
  }
  chunks_.resize(static_cast<size_t>((size + chunk_bytes - 1) / chunk_bytes));
  size_ = size;
}

void Node::write(uint64_t offset, Bytes bytes) {
  if (bytes.empty()) return;
  Change change{.offset = offset, .count = bytes.size(), .size_before = content.size(), .size_after = 0, .old = {}};
  if (offset < content.size())
    change.old = content.copy(offset, std::min<uint64_t>(bytes.size(), content.size() - offset));
  content.write(offset, bytes);
  change.size_after = content.size();
  used_bytes += change.size_after - change.size_before;
  changes.push_back(std::move(change));
  if (!lost.empty()) write_again(offset, bytes.size());
}

void Node::truncate(uint64_t size) {
  Change change{.write = false, .size_before = content.size(), .size_after = size, .old = {}};
  if (size < content.size()) change.old = content.copy(size, content.size() - size);
  content.resize(size);
  used_bytes += change.size_after - change.size_before;  // wraps where it shrinks, which subtracts
  changes.push_back(std::move(change));
}

// A write over bytes that a sync forgot makes them dirty again: the next sync writes them.
void Node::write_again(uint64_t offset, uint64_t count) {
  std::vector<Lost> left;
  for (Lost& one : lost) {
    const uint64_t end = one.offset + one.on_disk.size();
    if (end <= offset || one.offset >= offset + count) {
      left.push_back(std::move(one));
      continue;
    }
    if (one.offset < offset) left.push_back({one.offset, one.on_disk.substr(0, offset - one.offset)});
    if (end > offset + count) left.push_back({offset + count, one.on_disk.substr(offset + count - one.offset)});
  }
  lost = std::move(left);
}

void Node::forget_some(Random& random) {
  std::erase_if(changes, [&](Change& change) {
    if (!change.write || random.chance(0.5)) return false;
    change.old.resize(change.count);
    lost.push_back({change.offset, std::move(change.old)});
    return true;
  });
}

void Node::crash(Random& random, Unsynced unsynced) {
  std::vector<std::string> written(changes.size());
  for (size_t i = changes.size(); i-- > 0;) {
    const Change& change = changes[i];
    if (change.write) written[i] = content.copy(change.offset, change.count);
    content.resize(change.size_before);
    const uint64_t at = change.write ? change.offset : change.size_after;
    content.write(at, as_bytes(change.old));
  }
  for (size_t i = lost.size(); i-- > 0;) {
    if (lost[i].offset >= content.size()) continue;
    const uint64_t count = std::min<uint64_t>(lost[i].on_disk.size(), content.size() - lost[i].offset);
    content.write(lost[i].offset, as_bytes(lost[i].on_disk).first(count));
  }
  lost.clear();
  switch (unsynced) {
    case Unsynced::by_seed:
      for (size_t i = 0; i < changes.size(); ++i) redo(changes[i], written[i], random);
      break;
    case Unsynced::in_order: redo_first(written, random); break;
    case Unsynced::dropped:
    case Unsynced::kept: break;
  }
  changes.clear();
}

void Node::redo(const Change& change, const std::string& written, Random& random) {
  const uint64_t fate = random.below(3);
  if (fate == 0) return;
  if (!change.write) {
    content.resize(change.size_after);
    return;
  }
  if (fate == 1) {
    content.write(change.offset, as_bytes(written));
    return;
  }
  for (uint64_t at = change.offset; at < change.offset + change.count;) {
    const uint64_t end = std::min((at / sector_bytes + 1) * sector_bytes, change.offset + change.count);
    if (random.chance(0.5)) content.write(at, as_bytes(written).subspan(at - change.offset, end - at));
    at = end;
  }
}

void Node::redo_first(const std::vector<std::string>& written, Random& random) {
  const uint64_t last = random.below(changes.size() + 1);
  for (size_t i = 0; i <= last && i < changes.size(); ++i) {
    const Change& change = changes[i];
    const uint64_t count = i < last ? change.count : random.below(change.count + 1);
    if (change.write)
      content.write(change.offset, as_bytes(written[i]).first(count));
    else if (i < last)
      content.resize(change.size_after);
  }
}

}  // namespace waybill::simulated

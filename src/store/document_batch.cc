#include "store/document_batch.h"

#include "store/keys.h"
#include "wire/bytes.h"

namespace waybill::store {
namespace {

constexpr uint64_t state_format = 1;
enum class Change : uint8_t { put, remove };

}  // namespace

std::string encode_changes(const Changes& changes) {
  std::string bytes;
  for (size_t table = 0; table < table_count; ++table)
    for (const auto& [key, value] : changes[table]) {
      bytes.push_back(static_cast<char>(table));
      bytes.push_back(static_cast<char>(value ? Change::put : Change::remove));
      wire::put_text(bytes, key);
      if (value) wire::put_text(bytes, *value);
    }
  return bytes;
}

Result<Changes> decode_changes(std::string_view bytes) {
  Changes changes;
  wire::Taker from(as_bytes(bytes));
  while (from.ok() && from.left() > 0) {
    const size_t table = from.byte();
    const uint8_t change = from.byte();
    std::string key(from.text());
    if (table >= table_count || change > static_cast<uint8_t>(Change::remove)) {
      from.refuse();
      break;
    }
    std::optional<std::string> value;
    if (static_cast<Change>(change) == Change::put) value.emplace(from.text());
    changes[table].insert_or_assign(std::move(key), std::move(value));
  }
  if (!from.done()) return fail(Code::corrupt, "the last batch of the store is not what was written");
  return changes;
}

std::string encode_state(const DocumentState& state) {
  std::string bytes;
  wire::put_varint(bytes, state_format);
  wire::put_fixed64(bytes, state.owner);
  wire::put_varint(bytes, state.redo);
  wire::put_varint(bytes, state.bytes);
  wire::put_fixed64(bytes, state.hash);
  return bytes;
}

Result<DocumentState> decode_state(std::string_view bytes) {
  wire::Taker from(as_bytes(bytes));
  const uint64_t format = from.varint();
  if (from.ok() && format > state_format)
    return fail(Code::invalid, "the store's documents have format " + std::to_string(format) +
                                   ": use the newer version that wrote them");
  DocumentState state;
  state.owner = from.fixed64();
  state.redo = from.varint();
  state.bytes = from.varint();
  state.hash = from.fixed64();
  if (!from.done() || format == 0) return fail(Code::corrupt, "the store's state is not what was written");
  return state;
}

std::string redo_id(uint64_t number, uint32_t part) {
  std::string id;
  append_be64(id, number);
  append_be32(id, part);
  return id;
}

}  // namespace waybill::store

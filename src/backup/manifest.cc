#include "backup/manifest.h"

#include "base/hash.h"
#include "wire/json_object.h"
#include "wire/json_out.h"

namespace waybill::backup {
namespace {

constexpr uint64_t layout = 1;
int64_t whole(uint64_t value) { return static_cast<int64_t>(value); }

void write_entry(wire::JsonWriter& json, const Entry& entry) {
  json.begin_object().key("path").text(entry.path).key("bytes").integer(whole(entry.bytes()));
  if (entry.salt != 0) json.key("salt").integer(entry.salt);
  json.key("parts").begin_array();
  for (const Part& part : entry.parts)
    json.begin_object()
        .key("file")
        .text(part.file)
        .key("bytes")
        .integer(whole(part.bytes))
        .key("crc32c")
        .text(to_hex(part.crc32c))
        .end_object();
  json.end_array().end_object();
}

// What is read goes below a folder and nowhere else.
bool stays_below(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  for (const char c : path) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '-' || c == '_' || c == '/';
    if (!fine) return false;
  }
  return path.find("..") == std::string_view::npos;
}

bool read_entry(wire::JsonObject& members, Entry& entry) {
  entry.path = members.text("path");
  if (members.has("salt")) entry.salt = static_cast<uint32_t>(members.number("salt"));
  for (wire::JsonObject& of_part : members.objects("parts")) {
    Part part{.file = of_part.text("file"), .bytes = of_part.number("bytes"), .crc32c = 0};
    const auto crc = parse_checksum(of_part.text("crc32c"));
    if (!crc || !of_part.ok() || !stays_below(part.file)) return false;
    part.crc32c = *crc;
    entry.parts.push_back(std::move(part));
  }
  return members.ok() && stays_below(entry.path);
}

bool read_members(wire::JsonObject& members, Manifest& manifest) {
  manifest.generation = members.number("generation");
  manifest.made_at = at_us(whole(members.number("made_at_us")));
  manifest.version = members.text("version");
  manifest.data_format = static_cast<int>(members.number("data_format"));
  wire::JsonObject of_journal = members.object("journal");
  manifest.partition = static_cast<uint32_t>(of_journal.number("partition"));
  manifest.journal_begin = of_journal.number("begin");
  manifest.journal_end = of_journal.number("end");
  for (wire::JsonObject& epoch : of_journal.objects("epochs"))
    manifest.epochs.push_back({.number = static_cast<uint32_t>(epoch.number("epoch")), .begin = epoch.number("begin")});
  wire::JsonObject of_store = members.object("store");
  manifest.store_watermark = of_store.number("watermark");
  wire::JsonObject books = members.object("books");
  manifest.books_end = books.number("end");
  manifest.books_count = books.number("count");
  manifest.books_ids = books.text("ids");
  manifest.copied_bytes = members.number("copied_bytes");
  for (wire::JsonObject& one : members.objects("files"))
    if (!read_entry(one, manifest.entries.emplace_back())) return false;
  return members.ok();
}

}  // namespace

uint64_t Entry::bytes() const {
  uint64_t sum = 0;
  for (const Part& part : parts) sum += part.bytes;
  return sum;
}

uint64_t Manifest::bytes() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries) sum += entry.bytes();
  return sum;
}

std::string encode_manifest(const Manifest& manifest) {
  wire::JsonWriter json;
  json.begin_object().key("layout").integer(whole(layout)).key("generation").integer(whole(manifest.generation));
  json.key("made_at").time(manifest.made_at).key("made_at_us").integer(to_us(manifest.made_at));
  json.key("version").text(manifest.version).key("data_format").integer(manifest.data_format);
  json.key("journal").begin_object().key("partition").integer(manifest.partition);
  json.key("begin").integer(whole(manifest.journal_begin)).key("end").integer(whole(manifest.journal_end));
  json.key("epochs").begin_array();
  for (const journal::Epoch& epoch : manifest.epochs)
    json.begin_object().key("epoch").integer(epoch.number).key("begin").integer(whole(epoch.begin)).end_object();
  json.end_array().end_object();
  json.key("store").begin_object().key("watermark").integer(whole(manifest.store_watermark)).end_object();
  json.key("books").begin_object().key("end").integer(whole(manifest.books_end));
  json.key("count").integer(whole(manifest.books_count)).key("ids").text(manifest.books_ids).end_object();
  json.key("bytes").integer(whole(manifest.bytes())).key("copied_bytes").integer(whole(manifest.copied_bytes));
  json.key("files").begin_array();
  for (const Entry& entry : manifest.entries) write_entry(json, entry);
  json.end_array().end_object();
  return wire::seal("backup", json.take());
}

Result<Manifest> decode_manifest(std::string_view text, const std::string& name) {
  TRY_LET(const std::string_view inside, wire::unseal(text, "backup", name));
  wire::JsonObject root(inside);
  const uint64_t found = root.number("layout");
  if (found != layout)
    return fail(Code::invalid, name + ": is of layout " + std::to_string(found) + ", this waybill knows layout " +
                                   std::to_string(layout) + ": use the newer waybill that wrote it");
  Manifest manifest;
  if (!read_members(root, manifest)) return fail(Code::corrupt, name + ": not the manifest of a backup");
  return manifest;
}

}  // namespace waybill::backup

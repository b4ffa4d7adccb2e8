#include "backup/manifest.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "base/hash.h"
#include "wire/json_out.h"

namespace waybill::backup {
namespace {

namespace dom = simdjson::dom;

constexpr uint64_t layout = 1;
// Around the manifest, which stands between them as it is summed.
constexpr std::string_view head = R"({"crc32c":")";
constexpr std::string_view middle = R"(","backup":)";
constexpr std::string_view tail = "}\n";
constexpr size_t crc_digits = 8;

std::string crc_text(uint32_t crc) {
  std::array<char, crc_digits + 1> text{};
  std::snprintf(text.data(), text.size(), "%08x", crc);
  return text.data();
}

bool parse_crc(std::string_view text, uint32_t& crc) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), crc, 16);
  return error == std::errc() && end == text.data() + text.size() && text.size() == crc_digits;
}

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
        .text(crc_text(part.crc32c))
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

// The members of an object; what is missing or of another kind is remembered.
class Members {
 public:
  explicit Members(dom::element object) : object_(object) {}

  uint64_t number(const char* name) {
    uint64_t value = 0;
    if (object_[name].get(value)) ok_ = false;
    return value;
  }
  std::string text(const char* name) {
    std::string_view value;
    if (object_[name].get(value)) ok_ = false;
    return std::string(value);
  }
  dom::array array(const char* name) {
    dom::array value;
    if (object_[name].get(value)) ok_ = false;
    return value;
  }
  Members object(const char* name) {
    dom::element value = object_;
    if (object_[name].get(value)) ok_ = false;
    return Members(value);
  }
  bool has(const char* name) const { return !object_[name].error(); }
  bool ok() const { return ok_; }

 private:
  dom::element object_;
  bool ok_ = true;
};

bool read_entry(dom::element element, Entry& entry) {
  Members members(element);
  entry.path = members.text("path");
  if (members.has("salt")) entry.salt = static_cast<uint32_t>(members.number("salt"));
  for (const dom::element one : members.array("parts")) {
    Members of_part(one);
    Part part{.file = of_part.text("file"), .bytes = of_part.number("bytes"), .crc32c = 0};
    if (!parse_crc(of_part.text("crc32c"), part.crc32c) || !of_part.ok() || !stays_below(part.file)) return false;
    entry.parts.push_back(std::move(part));
  }
  return members.ok() && stays_below(entry.path);
}

bool read_members(dom::element root, Manifest& manifest) {
  Members members(root);
  manifest.generation = members.number("generation");
  manifest.made_at = at_us(whole(members.number("made_at_us")));
  manifest.version = members.text("version");
  manifest.data_format = static_cast<int>(members.number("data_format"));
  Members of_journal = members.object("journal");
  manifest.partition = static_cast<uint32_t>(of_journal.number("partition"));
  manifest.journal_begin = of_journal.number("begin");
  manifest.journal_end = of_journal.number("end");
  for (const dom::element one : of_journal.array("epochs")) {
    Members epoch(one);
    manifest.epochs.push_back({.number = static_cast<uint32_t>(epoch.number("epoch")), .begin = epoch.number("begin")});
    if (!epoch.ok()) return false;
  }
  Members of_store = members.object("store");
  manifest.store_watermark = of_store.number("watermark");
  Members books = members.object("books");
  manifest.books_end = books.number("end");
  manifest.books_count = books.number("count");
  manifest.books_ids = books.text("ids");
  manifest.copied_bytes = members.number("copied_bytes");
  for (const dom::element one : members.array("files")) {
    if (!read_entry(one, manifest.entries.emplace_back())) return false;
  }
  return members.ok() && of_journal.ok() && of_store.ok() && books.ok();
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
  const std::string inside = json.take();
  std::string text(head);
  text += crc_text(crc32c(as_bytes(inside)));
  text.append(middle).append(inside).append(tail);
  return text;
}

Result<Manifest> decode_manifest(std::string_view text, const std::string& name) {
  const auto damaged = [&] {
    return fail(Code::corrupt, name + ": damaged: not the manifest of a backup as it was written");
  };
  constexpr size_t before = head.size() + crc_digits + middle.size();
  if (text.size() < before + tail.size() || !text.starts_with(head) || !text.ends_with(tail)) return damaged();
  const std::string_view inside = text.substr(before, text.size() - before - tail.size());
  uint32_t crc = 0;
  if (!parse_crc(text.substr(head.size(), crc_digits), crc) || crc32c(as_bytes(inside)) != crc) return damaged();
  dom::parser parser;
  dom::element root;
  if (parser.parse(inside.data(), inside.size()).get(root) || !root.is_object()) return damaged();
  uint64_t found = 0;
  if (root["layout"].get(found)) return damaged();
  if (found != layout)
    return fail(Code::invalid, name + ": is of layout " + std::to_string(found) + ", this waybill knows layout " +
                                   std::to_string(layout) + ": use the newer waybill that wrote it");
  Manifest manifest;
  if (!read_members(root, manifest)) return damaged();
  return manifest;
}

}  // namespace waybill::backup

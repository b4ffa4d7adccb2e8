#include "lake/catalog_text.h"

#include <charconv>

#include "wire/json_object.h"
#include "wire/json_out.h"

namespace waybill::lake {
namespace {

constexpr uint64_t layout = 1;
constexpr std::string_view version_prefix = "catalog/version-";
constexpr std::string_view checkpoint_prefix = "catalog/checkpoint-";
constexpr std::string_view suffix = ".json";
constexpr size_t number_digits = 20;

int64_t whole(uint64_t value) { return static_cast<int64_t>(value); }

std::string key_of(std::string_view prefix, uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(prefix).append(number_digits - digits.size(), '0').append(digits).append(suffix);
}

void write_sum(wire::JsonWriter& json, const store::Sum& sum) {
  json.begin_object().key("count").integer(whole(sum.count)).key("ids").text(to_hex(sum.ids)).end_object();
}

void write_file(wire::JsonWriter& json, const DataFile& file) {
  json.begin_object().key("key").text(file.key).key("table").text(file.table);
  if (!file.date.empty()) json.key("date").text(file.date);
  if (file.hour >= 0) json.key("hour").integer(file.hour);
  json.key("rows").integer(whole(file.rows)).key("bytes").integer(whole(file.bytes));
  json.key("crc32c").text(to_hex(file.crc32c)).key("changed").integer(whole(file.changed));
  json.key("dates").begin_array();
  for (const std::string& date : file.dates) json.text(date);
  json.end_array();
  if (file.from) {
    json.key("epoch").integer(file.from->epoch).key("partition").integer(file.from->partition);
    json.key("from").integer(whole(file.from->offset)).key("to").integer(whole(file.to));
    json.key("generation").integer(file.generation).key("ids").text(to_hex(file.ids));
  }
  json.end_object();
}

void write_ledgers(wire::JsonWriter& json, const std::vector<Ledger>& ledgers) {
  json.begin_array();
  for (const Ledger& ledger : ledgers) {
    json.begin_object().key("partition").integer(ledger.partition);
    json.key("from").integer(whole(ledger.from)).key("to").integer(whole(ledger.to));
    for (size_t i = 0; i < kind_count; ++i)
      if (ledger.by_kind[i] != store::Sum{}) write_sum(json.key(to_string(Kind(i))), ledger.by_kind[i]);
    json.end_object();
  }
  json.end_array();
}

void write_change(wire::JsonWriter& json, const Change& change) {
  json.key("add").begin_array();
  for (const DataFile& file : change.add) write_file(json, file);
  json.end_array().key("remove").begin_array();
  for (const std::string& key : change.remove) json.text(key);
  json.end_array().key("watermarks").begin_array();
  for (const auto& [partition, mark] : change.watermarks) {
    json.begin_object().key("partition").integer(partition).key("epoch").integer(mark.epoch);
    json.key("begin").integer(whole(mark.begin)).key("end").integer(whole(mark.end)).end_object();
  }
  json.end_array();
  write_ledgers(json.key("ledgers"), change.ledgers);
  if (!change.moved.empty()) write_ledgers(json.key("moved"), change.moved);
  json.key("set").begin_object();
  for (const auto& [name, value] : change.set) json.key(name).text(value);
  json.end_object();
}

void write_head(wire::JsonWriter& json, uint64_t number, Time made_at, const std::map<std::string, uint64_t>& claims) {
  json.key("layout").integer(whole(layout)).key("number").integer(whole(number));
  json.key("made_at").time(made_at).key("made_at_us").integer(to_us(made_at));
  json.key("claims").begin_array();
  for (const auto& [role, claim] : claims)
    json.begin_object().key("role").text(role).key("claim").integer(whole(claim)).end_object();
  json.end_array();
}

// Texts that have a form of their own; what has not is remembered.
struct Forms {
  bool ok = true;
  template <class T>
  T take(std::optional<T> value) {
    if (!value) ok = false;
    return value.value_or(T{});
  }
};

store::Sum read_sum(wire::JsonObject from, Forms& forms) {
  // What moves away is less than nothing.
  return {.count = static_cast<uint64_t>(from.integer("count")), .ids = forms.take(parse_hash128(from.text("ids")))};
}

DataFile read_file(wire::JsonObject& from, Forms& forms) {
  DataFile file{.key = from.text("key"), .table = from.text("table")};
  if (from.has("date")) file.date = from.text("date");
  if (from.has("hour")) file.hour = static_cast<int>(from.integer("hour"));
  file.rows = from.number("rows");
  file.bytes = from.number("bytes");
  file.crc32c = forms.take(parse_checksum(from.text("crc32c")));
  file.changed = from.number("changed");
  file.dates = from.texts("dates");
  if (from.has("epoch")) {
    file.from = Position{.epoch = static_cast<uint32_t>(from.number("epoch")),
                         .partition = static_cast<uint32_t>(from.number("partition")),
                         .offset = from.number("from")};
    file.to = from.number("to");
    file.generation = static_cast<uint32_t>(from.number("generation"));
    file.ids = forms.take(parse_hash128(from.text("ids")));
  }
  // A key is opened and removed: it goes below the lake's root and nowhere else.
  if (!is_key(file.key)) forms.ok = false;
  return file;
}

Ledger read_ledger(wire::JsonObject& from, Forms& forms) {
  Ledger ledger{.partition = static_cast<uint32_t>(from.number("partition")),
                .from = from.number("from"),
                .to = from.number("to")};
  for (size_t i = 0; i < kind_count; ++i)
    if (from.has(to_string(Kind(i)))) ledger.by_kind[i] = read_sum(from.object(to_string(Kind(i))), forms);
  return ledger;
}

void read_change(wire::JsonObject& from, Change& change, Forms& forms) {
  for (wire::JsonObject& file : from.objects("add")) change.add.push_back(read_file(file, forms));
  change.remove = from.texts("remove");
  for (const std::string& key : change.remove) forms.ok = forms.ok && is_key(key);
  for (wire::JsonObject& mark : from.objects("watermarks"))
    change.watermarks[static_cast<uint32_t>(mark.number("partition"))] = {
        .epoch = static_cast<uint32_t>(mark.number("epoch")), .begin = mark.number("begin"), .end = mark.number("end")};
  for (wire::JsonObject& ledger : from.objects("ledgers")) change.ledgers.push_back(read_ledger(ledger, forms));
  if (from.has("moved"))
    for (wire::JsonObject& ledger : from.objects("moved")) change.moved.push_back(read_ledger(ledger, forms));
  for (auto& [name, value] : from.object("set").all_texts()) change.set.emplace(std::move(name), std::move(value));
}

Result<Commit> decode(std::string_view text, std::string_view name, const std::string& key) {
  TRY_LET(const std::string_view inside, wire::unseal(text, name, key));
  wire::JsonObject root(inside);
  if (const uint64_t found = root.number("layout"); root.ok() && found != layout)
    return fail(Code::invalid, key + ": is of layout " + std::to_string(found) + ", this waybill knows layout " +
                                   std::to_string(layout) + ": use the newer waybill that wrote it");
  Commit commit{.number = root.number("number"), .made_at = at_us(root.integer("made_at_us"))};
  for (wire::JsonObject& claim : root.objects("claims")) commit.claims[claim.text("role")] = claim.number("claim");
  Forms forms;
  if (root.has("id")) {
    commit.id = root.text("id");
    commit.change.role = root.text("role");
    commit.change.claim = root.number("claim");
    commit.change.what = root.text("what");
  }
  read_change(root, commit.change, forms);
  if (!root.ok() || !forms.ok || number_of_key(key) != commit.number)
    return fail(Code::corrupt, key + ": not a version of the lake's catalog");
  return commit;
}

Result<void> apply_files(Snapshot& after, const Commit& commit) {
  for (const std::string& key : commit.change.remove)
    if (after.files.erase(key) == 0)
      return fail(Code::conflict, "the lake has no file " + key + " (any more) that could be replaced");
  for (const DataFile& file : commit.change.add) {
    DataFile& added = after.files[file.key];
    if (!added.key.empty()) return fail(Code::conflict, "the lake has a file " + file.key + " already");
    added = file;
    if (added.changed == 0) added.changed = commit.number;
  }
  return {};
}

Result<void> apply_moved(Snapshot& after, const Change& change) {
  for (const Ledger& moved : change.moved) {
    const auto row = after.ledgers.find({moved.partition, moved.from / store::ledger_span});
    if (row == after.ledgers.end() || moved.from < row->second.from || moved.to > row->second.to ||
        moved.total() != store::Sum{})
      return fail(Code::conflict, "what moves within the books of positions " + std::to_string(moved.from) + " to " +
                                      std::to_string(moved.to) + " does not fit those that the lake has");
    for (size_t i = 0; i < kind_count; ++i) row->second.by_kind[i] += moved.by_kind[i];
  }
  return {};
}

Result<void> apply_books(Snapshot& after, const Change& change) {
  std::map<uint32_t, uint64_t> booked;  // behind what the ledgers of a partition reach now
  for (const auto& [partition, mark] : change.watermarks) {
    const auto [at, is_new] = after.watermarks.try_emplace(partition, mark);
    booked[partition] = is_new ? mark.begin : at->second.end;
    if (!is_new && (mark.begin != at->second.begin || mark.end < at->second.end || mark.epoch < at->second.epoch))
      return fail(Code::conflict, "the lake's watermark of partition " + std::to_string(partition) + " is at " +
                                      std::to_string(at->second.end) + ", it cannot move to " +
                                      std::to_string(mark.end));
    at->second = mark;
  }
  for (const Ledger& ledger : change.ledgers) {
    const auto reached = booked.find(ledger.partition);
    const uint64_t span = ledger.from / store::ledger_span;
    if (reached == booked.end() || ledger.from != reached->second || ledger.to <= ledger.from ||
        (ledger.to - 1) / store::ledger_span != span || ledger.total().count != ledger.to - ledger.from)
      return fail(Code::conflict, "the books of positions " + std::to_string(ledger.from) + " to " +
                                      std::to_string(ledger.to) + " do not join those that the lake has");
    reached->second = ledger.to;
    Ledger& row = after.ledgers[{ledger.partition, span}];
    if (row.to == 0) row = {.partition = ledger.partition, .from = ledger.from};
    row.to = ledger.to;
    for (size_t i = 0; i < kind_count; ++i) row.by_kind[i] += ledger.by_kind[i];
  }
  for (const auto& [partition, end] : booked)
    if (end != change.watermarks.at(partition).end)
      return fail(Code::conflict, "the watermark of partition " + std::to_string(partition) + " moves to " +
                                      std::to_string(change.watermarks.at(partition).end) + ", but the books end at " +
                                      std::to_string(end));
  return {};
}

}  // namespace

std::string version_key(uint64_t number) { return key_of(version_prefix, number); }
std::string checkpoint_key(uint64_t number) { return key_of(checkpoint_prefix, number); }

std::optional<uint64_t> number_of_key(std::string_view key) {
  for (const std::string_view prefix : {version_prefix, checkpoint_prefix}) {
    if (!key.starts_with(prefix)) continue;
    uint64_t number = 0;
    std::from_chars(key.data() + prefix.size(), key.data() + key.size(), number);
    if (key_of(prefix, number) == key) return number;
  }
  return std::nullopt;
}

std::string encode_version(const Commit& commit) {
  wire::JsonWriter json;
  json.begin_object();
  write_head(json, commit.number, commit.made_at, commit.claims);
  json.key("id").text(commit.id).key("role").text(commit.change.role);
  json.key("claim").integer(whole(commit.change.claim)).key("what").text(commit.change.what);
  write_change(json, commit.change);
  json.end_object();
  return wire::seal("version", json.take());
}

std::string encode_checkpoint(const Snapshot& snapshot) {
  Change all{.watermarks = snapshot.watermarks, .set = snapshot.properties};
  all.add.reserve(snapshot.files.size());
  for (const auto& [key, file] : snapshot.files) all.add.push_back(file);
  for (const auto& [span, ledger] : snapshot.ledgers) all.ledgers.push_back(ledger);
  wire::JsonWriter json;
  json.begin_object();
  write_head(json, snapshot.version, snapshot.made_at, snapshot.claims);
  write_change(json, all);
  json.end_object();
  return wire::seal("checkpoint", json.take());
}

Result<Commit> decode_version(std::string_view text, const std::string& key) { return decode(text, "version", key); }

Result<Snapshot> decode_checkpoint(std::string_view text, const std::string& key) {
  TRY_LET(const Commit all, decode(text, "checkpoint", key));
  Snapshot nothing;
  nothing.version = all.number - 1;
  Result<Snapshot> state = apply(nothing, all);
  if (!state) return fail(Code::corrupt, key + ": does not fit together: " + state.error().message);
  return state;
}

Result<Snapshot> apply(const Snapshot& snapshot, const Commit& commit) {
  if (commit.number != snapshot.version + 1)
    return fail(Code::conflict, "version " + std::to_string(commit.number) + " of the lake does not follow version " +
                                    std::to_string(snapshot.version));
  const Change& change = commit.change;
  if (!change.role.empty()) {
    const auto claim = snapshot.claims.find(change.role);
    if (const uint64_t newest = claim == snapshot.claims.end() ? 0 : claim->second; change.claim != newest)
      return fail(Code::conflict, "another process has taken over the lake's role " + change.role + " (claim " +
                                      std::to_string(newest) + ", ours was " + std::to_string(change.claim) + ")");
  }
  Snapshot after = snapshot;
  after.version = commit.number;
  after.made_at = commit.made_at;
  for (const auto& [role, claim] : commit.claims) after.claims[role] = claim;
  TRY(apply_files(after, commit));
  TRY(apply_books(after, change));
  TRY(apply_moved(after, change));
  for (const auto& [name, value] : change.set) {
    if (value.empty())
      after.properties.erase(name);
    else
      after.properties[name] = value;
  }
  return after;
}

}  // namespace waybill::lake

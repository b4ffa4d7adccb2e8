#include "store/document_tables.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/hash.h"
#include "base/log.h"
#include "store/document_fields.h"
#include "store/document_view.h"
#include "store/keys.h"
#include "store/living.h"
#include "store/rows.h"

namespace waybill::store {
namespace {

constexpr unsigned count_bits =
    40;  // of a number: how many were given since it was opened; above them: how often it was opened
constexpr size_t redo_kept_max = 8;  // batches that are in the rows already and not taken out of `redo` yet
constexpr size_t remove_max = 5000;  // documents taken away at once
constexpr int read_attempts_max = 20;  // to find state and redo of one moment beside the owner
const std::string state_collection = "state";
const std::string redo_collection = "redo";
const std::string state_id = "state";

std::vector<Collection> collections() {
  std::vector<Collection> all{{.name = state_collection}, {.name = redo_collection}};
  for (size_t i = 0; i < table_count; ++i) {
    const auto table = static_cast<Table>(i);
    all.push_back({.name = collection_of(table), .by_position = has_positions(table)});
  }
  return all;
}

std::unexpected<Error> taken_over() {
  return fail(Code::conflict, "another process has opened this store since and writes it now: this one has to stop");
}

struct State {
  uint64_t number = 0;
  DocumentState said;
};

Result<std::optional<State>> read_state(const Documents& documents) {
  TRY_LET(const auto found, documents.find(state_collection, state_id));
  if (!found) return std::optional<State>();
  if (!found->value) return fail(Code::corrupt, "the store's state was removed");
  State state{.number = found->number, .said = {}};
  TRY_LET(state.said, decode_state(*found->value));
  return state;
}

// not_found where it is not whole: it was taken away meanwhile, or was never whole.
Result<Changes> read_redo(const Documents& documents, const DocumentState& state) {
  std::string bytes;
  for (uint32_t part = 0; bytes.size() < state.bytes; ++part) {
    TRY_LET(const auto found, documents.find(redo_collection, redo_id(state.redo, part)));
    if (!found || !found->value) return fail(Code::not_found, "the last batch is not whole in redo");
    bytes += *found->value;
  }
  if (bytes.size() != state.bytes || hash64(as_bytes(bytes)) != state.hash)
    return fail(Code::corrupt, "the last batch in redo is not what was written");
  return decode_changes(bytes);
}

// Whether a row that is put mostly is not there yet: what is new costs less where it is said to be.
bool is_mostly_new(Table table) {
  return table != Table::meta && table != Table::order && table != Table::deliverer && table != Table::ledger;
}

// Documents of one change of a table, in pieces that one call takes.
class Pieces {
 public:
  Pieces(Documents& documents, Table table, uint64_t number)
      : documents_(documents), table_(table), collection_(collection_of(table)), number_(number) {}

  Result<void> add(const std::string& key, const std::optional<std::string>& value) {
    Document document{.id = key, .number = number_, .value = value};
    if (value) {
      const uint64_t position = last_position_of(table_, key, *value);
      if (position != never_goes) document.position = position;
      TRY_LET(document.shown, shown_of(table_, key, *value));
    }
    if (!value || !is_mostly_new(table_)) return replace(std::move(document));
    new_.bytes += value->size();
    new_.documents.push_back(std::move(document));
    return new_.full() ? insert() : Result<void>();
  }
  Result<void> put() {
    TRY(insert());
    return replace();
  }

 private:
  struct Piece {
    std::vector<Document> documents;
    size_t bytes = 0;
    bool full() const { return documents.size() >= documents_max || bytes >= documents_bytes_max; }
  };

  Result<void> insert() {
    if (new_.documents.empty()) return {};
    TRY_LET(const std::vector<size_t> there, documents_.insert(collection_, new_.documents));
    for (const size_t i : there) TRY(replace(std::move(new_.documents[i])));
    new_ = {};
    return {};
  }
  Result<void> replace(Document document) {
    if (document.value) there_.bytes += document.value->size();
    there_.documents.push_back(std::move(document));
    return there_.full() ? replace() : Result<void>();
  }
  Result<void> replace() {
    if (there_.documents.empty()) return {};
    TRY_LET(const std::vector<size_t> stayed, documents_.replace(collection_, there_.documents, Stays::higher));
    for (const size_t i : stayed) TRY(check_that_it_is_higher(there_.documents[i]));
    there_ = {};
    return {};
  }

  // Something late may have come just then: one that was inserted between looking for it and inserting ours is a duplicate as well.
  Result<void> check_that_it_is_higher(const Document& document) {
    TRY_LET(const auto there, documents_.find(collection_, document.id));
    if (there && there->number > document.number) return {};
    return fail(Code::unavailable, "a row of " + collection_ + " was written by something late at the same moment");
  }

  Documents& documents_;
  const Table table_;
  const std::string collection_;
  const uint64_t number_;
  Piece new_, there_;
};

class DocumentTables final : public Tables {
 public:
  DocumentTables(std::unique_ptr<Documents> documents, const DocumentTablesOptions& options, Clock& clock)
      : documents_(std::move(documents)), options_(options), clock_(clock) {}

  Result<void> open_to_write();
  Result<void> open_to_read();

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return view()->get(table, key, value);
  }
  std::unique_ptr<View> view() const override {
    return open_document_view(*documents_, moments_, options_.to == OpenTo::read ? &beside_ : nullptr);
  }
  std::unique_ptr<Batch> batch() override { return std::make_unique<DocumentBatch>(); }

  Result<void> write(Batch& batch) override;
  Result<void> flush() override;
  Result<bool> remove_purged(uint64_t below) override;
  Result<void> rewrite_all() override;

 private:
  // A batch that is written, on its way into the rows.
  struct Written {
    uint64_t number = 0;
    std::shared_ptr<const Changes> changes;  // shared: with the views that show it
    std::shared_ptr<Moment> before;  // shared: with the views that do not
  };

  Result<void> may_write() const {
    if (options_.to == OpenTo::read) return fail(Code::denied, "the store is opened to be read");
    if (taken_over_) return taken_over();
    return {};
  }
  Result<void> say(const DocumentState& state, uint64_t number);
  Result<void> put_into_redo(const std::string& bytes, uint64_t number);
  Result<void> put_into_rows(const Changes& changes, uint64_t number);
  Result<void> settle();
  Result<void> take_out_of_redo(uint64_t below);
  Result<void> take_marks_away(uint64_t below);

  const std::unique_ptr<Documents> documents_;
  const DocumentTablesOptions options_;
  Clock& clock_;
  mutable Moments moments_;
  Beside beside_;  // of one that is opened to be read

  std::mutex writing_;  // all that changes documents
  uint64_t number_ = 0;  // the last one given
  bool taken_over_ = false;
  std::optional<Written> waiting_;
  size_t redo_kept_ = 0;
  // What was removed leaves a mark for as long as something late may come. Those below the number were made before that time.
  uint64_t marks_below_ = 0;
  std::chrono::steady_clock::time_point marks_at_;
  std::array<uint64_t, table_count> last_mark_{};  // of each table; 0: it has none
};

// The state says it, and it is the highest number.
Result<void> DocumentTables::say(const DocumentState& state, uint64_t number) {
  const Document document{.id = state_id, .number = number, .value = encode_state(state)};
  const auto refused = documents_->replace(state_collection, std::span(&document, 1), Stays::same_or_higher);
  if (refused && refused->empty()) return {};
  // Not answered, or made twice: what it says now.
  TRY_LET(const auto now, read_state(*documents_));
  if (now && now->number == number && encode_state(now->said) == *document.value) return {};
  if (now && now->number >= number) {
    taken_over_ = true;
    return taken_over();
  }
  if (refused) return fail(Code::corrupt, "the store's state is not what was written");
  return std::unexpected(refused.error());
}

Result<void> DocumentTables::put_into_redo(const std::string& bytes, uint64_t number) {
  uint32_t part = 0;
  for (size_t at = 0; at < bytes.size(); at += documents_bytes_max, ++part) {
    const Document document{
        .id = redo_id(number, part), .number = number, .value = bytes.substr(at, documents_bytes_max)};
    TRY(documents_->insert(redo_collection, std::span(&document, 1)));  // no other has the number
  }
  return {};
}

Result<void> DocumentTables::put_into_rows(const Changes& changes, uint64_t number) {
  for (size_t i = 0; i < table_count; ++i) {
    Pieces pieces(*documents_, static_cast<Table>(i), number);
    for (const auto& [key, value] : changes[i]) {
      TRY(pieces.add(key, value));
      if (!value) last_mark_[i] = number;
    }
    TRY(pieces.put());
  }
  return {};
}

Result<void> DocumentTables::settle() {
  if (!waiting_) return {};
  moments_.wait_out(waiting_->before, options_.view_ms_max);
  if (auto put = put_into_rows(*waiting_->changes, waiting_->number); !put)
    return fail_in("put the rows of the last batch", put.error());
  waiting_.reset();
  return {};
}

Result<void> DocumentTables::write(Batch& batch) {
  const std::lock_guard lock(writing_);
  TRY(may_write());
  TRY(settle());
  auto& rows = static_cast<DocumentBatch&>(batch);
  const std::string bytes = encode_changes(*rows.changes());
  const uint64_t number = ++number_;
  TRY(put_into_redo(bytes, number));
  TRY(say({.owner = options_.owner, .redo = number, .bytes = bytes.size(), .hash = hash64(as_bytes(bytes))}, number));
  waiting_ = Written{.number = number, .changes = rows.changes(), .before = moments_.go_on(rows.changes())};
  batch.clear();
  // Written it is; what hinders now is met again by the next.
  if (auto settled = settle(); !settled)
    log::warning("the store waits for its database", {{"why", settled.error().message}});
  else if (++redo_kept_ >= redo_kept_max)
    if (auto taken = take_out_of_redo(number); !taken)
      log::warning("the store's redo stays longer", {{"why", taken.error().message}});
  return {};
}

Result<void> DocumentTables::take_out_of_redo(uint64_t below) {
  while (true) {
    TRY_LET(const size_t taken, documents_->remove_below(redo_collection, By::number, below, remove_max));
    if (taken < remove_max) break;
  }
  redo_kept_ = 0;
  return {};
}

Result<void> DocumentTables::take_marks_away(uint64_t below) {
  for (size_t i = 0; i < table_count; ++i) {
    if (last_mark_[i] == 0) continue;
    const std::string collection = collection_of(static_cast<Table>(i));
    while (true) {
      TRY_LET(const size_t taken, documents_->remove_below(collection, By::removed, below, remove_max));
      if (taken < remove_max) break;
    }
    if (last_mark_[i] < below) last_mark_[i] = 0;
  }
  return {};
}

Result<void> DocumentTables::flush() {
  const std::lock_guard lock(writing_);
  TRY(may_write());
  TRY(settle());
  const auto now = clock_.steady();
  if (now - marks_at_ < options_.late_ms_max) return {};
  TRY(take_marks_away(marks_below_));
  marks_below_ = number_ + 1;
  marks_at_ = now;
  return {};
}

Result<bool> DocumentTables::remove_purged(uint64_t below) {
  const std::lock_guard lock(writing_);
  TRY(may_write());
  TRY(settle());
  // Who began to read before it was hidden.
  moments_.wait_out(moments_.go_on(nullptr), options_.view_ms_max);
  for (const Table table : purged_tables) {
    TRY_LET(const size_t taken, documents_->remove_below(collection_of(table), By::position, below, remove_max));
    if (taken == remove_max) return true;
  }
  return false;
}

Result<void> DocumentTables::rewrite_all() {
  const std::lock_guard lock(writing_);
  TRY(may_write());
  TRY(settle());
  const uint64_t number = ++number_;
  TRY(say({.owner = options_.owner}, number));
  TRY(take_out_of_redo(number));
  last_mark_.fill(1);
  return take_marks_away(number);
}

Result<void> DocumentTables::open_to_write() {
  TRY(documents_->make(collections()));
  TRY_LET(auto state, read_state(*documents_));
  const uint64_t opened = state ? (state->number >> count_bits) + 1 : 1;
  number_ = opened << count_bits;
  if (state && state->said.owner != options_.owner)
    return fail(Code::conflict,
                "this database holds the store of another data folder: name another database in store.url");
  DocumentState mine = state ? state->said : DocumentState{};
  mine.owner = options_.owner;
  TRY(say(mine, number_));
  if (mine.redo != 0) {
    TRY_LET(const Changes changes, read_redo(*documents_, mine));
    TRY(put_into_rows(changes, mine.redo));
    TRY(say({.owner = options_.owner}, ++number_));
  }
  TRY(take_out_of_redo(number_));
  marks_below_ = number_;  // of whoever wrote before as well
  marks_at_ = clock_.steady();
  last_mark_.fill(1);
  return {};
}

Result<void> DocumentTables::open_to_read() {
  for (int attempt = 1;; ++attempt) {
    TRY_LET(const auto state, read_state(*documents_));
    if (!state) return fail(Code::not_found, "there is no store in this database yet");
    if (state->said.owner != options_.owner)
      return fail(Code::conflict, "this database holds the store of another data folder");
    beside_.number = state->number;
    auto changes = std::make_shared<Changes>();
    if (state->said.redo != 0) {
      auto redo = read_redo(*documents_, state->said);
      // The owner has gone on meanwhile.
      if (!redo && redo.error().code == Code::not_found && attempt < read_attempts_max) continue;
      if (!redo) return std::unexpected(redo.error());
      *changes = std::move(*redo);
    }
    moments_.go_on(std::move(changes));
    break;
  }
  beside_.purged = UINT64_MAX;  // not known before it is read
  std::string bytes;
  TRY_LET(const bool written, view()->get(Table::meta, meta_key, bytes));
  Meta meta;
  if (written) {
    TRY_LET(meta, decode_meta(bytes));
  }
  beside_.visible = meta.visible;
  beside_.purged = meta.purged;
  return {};
}

}  // namespace

std::string collection_of(Table table) {
  switch (table) {
    case Table::meta: return "meta";
    case Table::location: return "deliverer_location";
    default: return std::string(table_names[static_cast<size_t>(table)]);
  }
}

Result<std::unique_ptr<Tables>> open_document_tables(std::unique_ptr<Documents> documents,
                                                     const DocumentTablesOptions& options, Clock& clock) {
  auto tables = std::make_unique<DocumentTables>(std::move(documents), options, clock);
  TRY(options.to == OpenTo::write ? tables->open_to_write() : tables->open_to_read());
  return tables;
}

}  // namespace waybill::store

// Webhooks: what was said of them, and the outbox of what they are to be told.
#include <algorithm>

#include "store/intake.h"
#include "store/reading.h"
#include "wire/event_bytes.h"

namespace waybill::store {

void Intake::Wanted::say(const Hook& hook) {
  if (hook.removed)
    by_hook.erase(hook.id);
  else
    by_hook.insert_or_assign(hook.id, hook.events);
  any = {};
  for (const auto& [id, kinds] : by_hook) any |= kinds;
}

void Intake::take_hook(uint64_t offset, const Hook& hook) {
  const wire::Record record = hook;
  row_.clear();
  wire::encode_record(record, row_);
  batch_->put(Table::hook, hook_key(hook.id, offset), row_);
  count(offset, Outcome::stored, wire::event_id_of(record));
  wanted_.say(hook);
  if (told_ == nullptr && !wanted_.any.empty()) told_ = &own_told_;
}

// A number counts all that the record told, wanted or not: it says the same whenever the record is put again.
void Intake::keep_for_hooks(size_t from) {
  for (size_t i = from; i < told_->size(); ++i) {
    const Event& event = (*told_)[i];
    if (!wanted_.any.has(event.kind)) continue;
    row_.clear();
    wire::encode_event(event, row_);
    batch_->put(Table::outbox, outbox_key({.offset = event.offset, .number = static_cast<uint32_t>(i - from)}), row_);
  }
  if (told_ == &own_told_) own_told_.clear();
}

Result<bool> Intake::drop_outbox(uint64_t below) {
  below = std::min(below, watermarks().visible);
  bool more = false;
  std::string reached;
  {
    const auto view = tables_.view();
    const auto rows = view->cursor(Table::outbox, {});
    size_t dropped = 0;
    for (rows->seek(outbox_begin_); rows->valid() && be64_of(rows->key()) < below && !more; rows->next()) {
      batch_->remove(Table::outbox, rows->key());
      reached = rows->key();
      more = ++dropped == outbox_drop_max;
    }
    if (auto status = rows->status(); !status) {
      batch_->clear();
      return fail_in("drop_outbox", status.error());
    }
  }
  if (reached.empty()) return false;
  const auto written = tables_.write(*batch_);
  batch_->clear();
  if (!written) return fail_in("drop_outbox", written.error());
  outbox_begin_ = reached;
  return more;
}

Result<std::vector<HookRow>> read_hooks(const View& view) {
  std::vector<HookRow> all;
  const auto rows = view.cursor(Table::hook, {});
  for (rows->seek({}); rows->valid(); rows->next()) {
    TRY_LET(wire::Record record, wire::decode_record(as_bytes(rows->value())));
    auto* hook = std::get_if<Hook>(&record);
    if (hook == nullptr || rows->key().size() < 8)
      return fail(Code::corrupt, "store: the bytes of a row are not a webhook");
    const bool known = !all.empty() && all.back().hook.id == hook->id;
    if (hook->removed) {
      if (known) all.pop_back();
    } else if (known) {
      all.back().hook = std::move(*hook);
    } else {
      all.push_back({.since = be64_of(rows->key().substr(rows->key().size() - 8)), .hook = std::move(*hook)});
    }
  }
  TRY(rows->status());
  return all;
}

Result<std::vector<OutboxRow>> read_outbox(const View& view, EventPlace from, size_t limit) {
  std::vector<OutboxRow> all;
  size_t bytes = 0;
  const auto rows = view.cursor(Table::outbox, {});
  for (rows->seek(outbox_key(from)); rows->valid() && all.size() < limit && bytes < outbox_bytes_max; rows->next()) {
    OutboxRow row;
    row.place = event_place_of(rows->key());
    TRY_LET(row.event, wire::decode_event(as_bytes(rows->value())));
    row.event.offset = row.place.offset;
    bytes += rows->value().size();
    all.push_back(std::move(row));
  }
  TRY(rows->status());
  return all;
}

}  // namespace waybill::store

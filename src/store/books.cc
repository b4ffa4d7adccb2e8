#include "store/reading.h"

namespace waybill::store {

Result<std::vector<Found>> find_client_id(const View& view, std::string_view client_id) {
  std::vector<Found> all;
  if (client_id.empty()) return all;
  const std::string prefix = client_id_prefix(client_id);
  const auto rows = view.cursor(Table::client_id, prefix);
  for (rows->seek(prefix); rows->valid(); rows->next()) {
    TRY_LET(Found found, decode_found(rows->value()));
    // Another client id may have the same 64 bits; the identity tells. A command's is of its order.
    const EventId id = id_of(rows->key().substr(prefix.size()));
    OrderCommand command;
    command.order.text = found.scope.substr(1);
    command.client_id = client_id;
    if (id == event_id_of(found.scope, client_id) || id == wire::event_id_of(wire::Record(std::move(command))))
      all.push_back(std::move(found));
  }
  TRY(rows->status());
  return all;
}

Result<QuarantinePage> read_quarantine(const View& view, uint64_t from, size_t limit) {
  QuarantinePage page;
  const auto rows = view.cursor(Table::quarantine, {});
  for (rows->seek(number_key(from)); rows->valid(); rows->next()) {
    const uint64_t offset = be64_of(rows->key());
    if (page.rows.size() >= limit) {
      page.next = offset;
      break;
    }
    TRY_LET(QuarantineValue value, decode_quarantine(rows->value()));
    page.rows.push_back({.offset = offset, .what = std::move(value.what)});
  }
  TRY(rows->status());
  return page;
}

Result<std::vector<Ledger>> read_ledgers(const View& view) {
  std::vector<Ledger> all;
  const auto rows = view.cursor(Table::ledger, {});
  for (rows->seek({}); rows->valid(); rows->next()) {
    TRY_LET(Ledger ledger, decode_ledger(rows->value()));
    if (ledger.from != (all.empty() ? 0 : all.back().to))
      return fail(Code::corrupt, "store: the ledgers have a gap before " + std::to_string(ledger.from));
    all.push_back(ledger);
  }
  TRY(rows->status());
  return all;
}

Result<Recount> recount_rows(const View& view) {
  Recount recount;
  const auto each = [&](Table table, const auto& add) -> Result<void> {
    const auto rows = view.cursor(table, {});
    for (rows->seek({}); rows->valid(); rows->next()) {
      // What was said of a credential, a webhook or an erasure stays longer than the books tell it apart.
      const bool stays = table == Table::grant || table == Table::hook || table == Table::erasure;
      const bool told_apart = !stays || be64_of(rows->key().substr(rows->key().size() - 8)) >= view.purged();
      if (told_apart) TRY(add(rows->value()));
    }
    return rows->status();
  };
  TRY(each(Table::location, [&](std::string_view row) -> Result<void> {
    TRY_LET(const Kept kept, decode_kept(row));
    recount.locations_and_commands.add(event_id_of(kept.location));
    return {};
  }));
  for (const Table table : {Table::command, Table::grant, Table::hook, Table::erasure})
    TRY(each(table, [&](std::string_view row) -> Result<void> {
      TRY_LET(const wire::Record record, wire::decode_record(as_bytes(row)));
      recount.locations_and_commands.add(wire::event_id_of(record));
      return {};
    }));
  TRY(each(Table::quarantine, [&](std::string_view row) -> Result<void> {
    TRY_LET(const QuarantineValue value, decode_quarantine(row));
    recount.quarantined.add(value.id);
    return {};
  }));
  return recount;
}

}  // namespace waybill::store

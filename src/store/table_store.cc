#include "store/table_store.h"

#include <mutex>

#include "store/intake.h"
#include "store/living.h"
#include "store/quiet.h"
#include "store/reading.h"
#include "store/sweep.h"

namespace waybill::store {
namespace {

// The one of all that was let go, where anything was.
Result<std::optional<Ledger>> first_ledger(const View& view) {
  const auto cursor = view.cursor(Table::ledger, {});
  cursor->seek({});
  TRY(cursor->status());
  if (!cursor->valid()) return std::optional<Ledger>();
  TRY_LET(Ledger ledger, decode_ledger(cursor->value()));
  return ledger;
}

class TableStore final : public Store {
 public:
  TableStore(std::unique_ptr<Tables> tables, const Meta& meta, const Ledger& ledger, std::span<const HookRow> hooks,
             std::shared_ptr<wire::ErasedNames> erased)
      : tables_(std::make_unique<LivingTables>(std::move(tables), meta.purged)),
        erased_(std::move(erased)),
        intake_(*tables_, meta, ledger, hooks, erased_.get()),
        quiet_(*tables_),
        purged_durably_(meta.purged) {}

  using Store::put;
  Result<void> put(Position journal, std::span<const Entry> entries, std::vector<Event>* told) override {
    std::lock_guard lock(writing_);
    return intake_.put(journal, entries, told);
  }

  Result<void> flush() override {
    // What was visible before is in it; what is put meanwhile may be.
    const uint64_t visible = intake_.watermarks().visible;
    if (auto flushed = tables_->flush(); !flushed) return fail_in("flush", flushed.error());
    intake_.flushed(visible);
    return {};
  }

  Watermarks watermarks() const override { return intake_.watermarks(); }

  Result<bool> purge(uint64_t below) override {
    const Watermarks marks = intake_.watermarks();
    if (below % ledger_span != 0 || below > marks.durable)
      return fail(Code::invalid, "purge below " + std::to_string(below) + ": it must be a multiple of " +
                                     std::to_string(ledger_span) + ", at most " + std::to_string(marks.durable));
    if (below > marks.purged) {
      std::lock_guard lock(writing_);
      TRY(intake_.purge(below));
      tables_->hide_below(below);
    }
    const uint64_t purged = std::max(below, marks.purged);
    if (purged > purged_durably_) {
      TRY(flush());
      purged_durably_ = purged;
    }
    if (purged == 0) return false;
    // Rows first: who looks for what is left passes by those that are still there.
    TRY_LET(const bool more_rows, tables_->remove_purged(purged));
    if (more_rows) return true;
    return remove_quiet();
  }

  Result<Swept> erase(const Erasure& erasure) override {
    if (!erased_) return fail(Code::invalid, "erase: the store was opened without the names of who was erased");
    if (!sweep_ || !sweep_->is_of(erasure)) sweep_.emplace(*tables_, intake_, *erased_, erasure);
    Swept swept;
    {
      std::lock_guard lock(writing_);
      TRY_LET(swept, sweep_->step());
    }
    if (swept.more) return swept;
    TRY(flush());
    // What is hidden already is left out as well.
    if (purged_durably_ > 0) TRY(tables_->remove_purged(purged_durably_));
    TRY(tables_->rewrite_all());
    return swept;
  }
  Result<std::vector<ErasureRow>> erasures() const override { return read_erasures(*tables_->view()); }

  Result<std::optional<OrderView>> order(const OrderId& id) const override {
    return read_order(*tables_->view(), id.text);
  }
  Result<std::optional<DelivererView>> deliverer(const DelivererId& id) const override {
    return read_deliverer(*tables_->view(), id.text);
  }
  Result<TrackPage> track(const TrackQuery& query) const override { return read_track(*tables_->view(), query); }
  Result<OrdersPage> orders(const OrdersQuery& query) const override { return read_orders(*tables_->view(), query); }
  Result<UnheardPage> unheard(const UnheardQuery& query) const override {
    return read_unheard(*tables_->view(), query);
  }
  Result<std::vector<Found>> find(const std::string& client_id) const override {
    return find_client_id(*tables_->view(), client_id);
  }
  Result<QuarantinePage> quarantined(uint64_t from, size_t limit) const override {
    return read_quarantine(*tables_->view(), from, limit);
  }
  Result<std::optional<Access>> access(Grant::Kind kind, const std::string& id) const override {
    return read_access(*tables_->view(), kind, id);
  }
  Result<AccessPage> accesses(const AccessQuery& query) const override {
    return read_accesses(*tables_->view(), query);
  }
  Result<std::vector<HookRow>> hooks() const override { return read_hooks(*tables_->view()); }
  Result<std::vector<OutboxRow>> outbox(EventPlace from, size_t limit) const override {
    return read_outbox(*tables_->view(), from, limit);
  }
  Result<bool> drop_outbox(uint64_t below) override {
    std::lock_guard lock(writing_);
    return intake_.drop_outbox(below);
  }
  Result<std::vector<Ledger>> ledgers() const override { return read_ledgers(*tables_->view()); }
  Result<Recount> recount() const override { return recount_rows(*tables_->view()); }

 private:
  // Those who have had no news since the newest of what was let go.
  Result<bool> remove_quiet() {
    TRY_LET(const std::optional<Ledger> let_go, first_ledger(*tables_->view()));
    if (!let_go || !let_go->newest) return false;
    std::lock_guard lock(writing_);
    TRY_LET(const Quiet::Changed changed, quiet_.step(*let_go->newest));
    for (const std::string& id : changed.orders) intake_.forget_order(id);
    for (const std::string& id : changed.deliverers) intake_.forget_deliverer(id);
    return changed.more;
  }

  std::unique_ptr<LivingTables> tables_;
  const std::shared_ptr<wire::ErasedNames> erased_;  // shared: the door and the lake ask it too
  std::mutex writing_;  // put(), purge(), drop_outbox() and erase() write in turn
  Intake intake_;
  Quiet quiet_;
  std::optional<Sweep> sweep_;  // of an erasure that is under way
  uint64_t purged_durably_;  // rows go only below it: above, a crash would bring the books back and not the rows
};

Result<Ledger> last_ledger(const View& view) {
  const auto cursor = view.cursor(Table::ledger, {});
  cursor->seek_back(number_key(UINT64_MAX));
  TRY(cursor->status());
  if (!cursor->valid()) return Ledger{};
  return decode_ledger(cursor->value());
}

}  // namespace

Result<std::unique_ptr<Store>> open_table_store(std::unique_ptr<Tables> tables,
                                                std::shared_ptr<wire::ErasedNames> erased) {
  Meta meta;
  Ledger ledger;
  std::vector<HookRow> hooks;
  {
    const auto view = tables->view();
    std::string bytes;
    TRY_LET(const bool written, view->get(Table::meta, meta_key, bytes));
    if (written) {
      TRY_LET(meta, decode_meta(bytes));
    }
    TRY_LET(ledger, last_ledger(*view));
    TRY_LET(hooks, read_hooks(*view));
    TRY_LET(const std::vector<ErasureRow> erasures, read_erasures(*view));
    if (erased && !erasures.empty() && !erased->has_key())
      return fail(Code::invalid,
                  "somebody was erased, and the key of their names (erasures.key) is not there: put it back");
    for (const ErasureRow& row : erasures)
      if (erased) erased->add(row.erasure);
  }
  if (ledger.to != meta.visible)
    return fail(Code::corrupt, "the store's books end at " + std::to_string(ledger.to) + ", its watermark is " +
                                   std::to_string(meta.visible));
  return std::make_unique<TableStore>(std::move(tables), meta, ledger, hooks, std::move(erased));
}

}  // namespace waybill::store

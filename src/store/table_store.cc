#include "store/table_store.h"

#include "store/intake.h"
#include "store/reading.h"

namespace waybill::store {
namespace {

class TableStore final : public Store {
 public:
  TableStore(std::unique_ptr<Tables> tables, const Meta& meta, const Ledger& ledger)
      : tables_(std::move(tables)), intake_(*tables_, meta, ledger) {}

  Result<void> put(Position journal, std::span<const Entry> entries) override { return intake_.put(journal, entries); }

  Result<void> flush() override {
    // What was visible before is in it; what is put meanwhile may be.
    const uint64_t visible = intake_.watermarks().visible;
    if (auto flushed = tables_->flush(); !flushed) return fail_in("flush", flushed.error());
    intake_.flushed(visible);
    return {};
  }

  Watermarks watermarks() const override { return intake_.watermarks(); }

  Result<std::optional<OrderView>> order(const OrderId& id) const override {
    return read_order(*tables_->view(), id.text);
  }
  Result<std::optional<DelivererView>> deliverer(const DelivererId& id) const override {
    return read_deliverer(*tables_->view(), id.text);
  }
  Result<TrackPage> track(const TrackQuery& query) const override { return read_track(*tables_->view(), query); }
  Result<OrdersPage> orders(const OrdersQuery& query) const override { return read_orders(*tables_->view(), query); }
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
  Result<std::vector<Ledger>> ledgers() const override { return read_ledgers(*tables_->view()); }
  Result<Recount> recount() const override { return recount_rows(*tables_->view()); }

 private:
  std::unique_ptr<Tables> tables_;
  Intake intake_;
};

Result<Ledger> last_ledger(const View& view) {
  const auto cursor = view.cursor(Table::ledger, {});
  cursor->seek_back(number_key(UINT64_MAX));
  TRY(cursor->status());
  if (!cursor->valid()) return Ledger{};
  return decode_ledger(cursor->value());
}

}  // namespace

Result<std::unique_ptr<Store>> open_table_store(std::unique_ptr<Tables> tables) {
  Meta meta;
  Ledger ledger;
  {
    const auto view = tables->view();
    std::string bytes;
    TRY_LET(const bool written, view->get(Table::meta, meta_key, bytes));
    if (written) {
      TRY_LET(meta, decode_meta(bytes));
    }
    TRY_LET(ledger, last_ledger(*view));
  }
  if (ledger.to != meta.visible)
    return fail(Code::corrupt, "the store's books end at " + std::to_string(ledger.to) + ", its watermark is " +
                                   std::to_string(meta.visible));
  return std::make_unique<TableStore>(std::move(tables), meta, ledger);
}

}  // namespace waybill::store

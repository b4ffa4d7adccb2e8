#include <algorithm>

#include "store/reading.h"

namespace waybill::store {
namespace {

using Candidate = std::optional<NewestRow>;

// The newest one without an order and not ahead in [from, to) within one hour of the deliverer's rows.
Result<Candidate> newest_loose_in_hour(Cursor& rows, std::string_view scope, Time from, Time to, size_t& left) {
  const std::string begin = location_key(scope, first_place(from));
  rows.seek_back(location_key(scope, first_place(to)));
  // At `to` itself it is outside; nothing is stored under first_place() but by chance.
  while (rows.valid() && place_of(rows.key()).fix_time() >= to) rows.previous();
  for (; rows.valid() && rows.key() >= begin && left > 0; rows.previous(), --left) {
    if (names_order(rows.value())) continue;
    TRY_LET(const Kept kept, decode_kept(rows.value()));
    if (!is_ahead(kept.location)) return NewestRow{.place = place_of(rows.key()), .row = std::string(rows.value())};
  }
  TRY(rows.status());
  return Candidate();
}

// In a period that is over, when newer ones are known: hour by hour backwards.
Result<Candidate> search_back(const View& view, std::string_view deliverer, Time from, Time to) {
  const std::string scope = "d" + std::string(deliverer);
  const std::string hours_prefix = id_prefix(deliverer);
  const auto hours = view.cursor(Table::loose_hours, hours_prefix);
  const auto rows = view.cursor(Table::location, id_prefix(scope));
  size_t left = last_scan_max;
  hours->seek_back(loose_hour_key(deliverer, hour_of(to - Duration(1))));
  for (; hours->valid() && left > 0; hours->previous(), --left) {
    const int32_t number = hour_in(hours->key(), hours_prefix.size());
    if (number < hour_of(from)) break;
    const Time begin = std::max(from, hour_begin(number)), end = std::min(to, hour_begin(number) + hour);
    TRY_LET(Candidate found, newest_loose_in_hour(*rows, scope, begin, end, left));
    if (found) return found;
  }
  TRY(hours->status());
  return Candidate();
}

Result<Candidate> newest_loose(const View& view, const Assignment& assignment) {
  std::string bytes;
  TRY_LET(const bool known, view.get(Table::deliverer, assignment.deliverer.text, bytes));
  if (!known) return Candidate();
  TRY_LET(DelivererRow row, decode_deliverer(assignment.deliverer.text, bytes));
  if (row.loose.empty()) return Candidate();
  const Time newest = row.loose.place.fix_time();
  if (newest < assignment.from) return Candidate();
  if (assignment.covers(newest)) return std::move(row.loose);
  return search_back(view, assignment.deliverer.text, assignment.from, *assignment.to);
}

}  // namespace

Result<std::optional<Kept>> last_of(const View& view, const OrderRow& row) {
  NewestRow last = row.named;
  // Periods do not overlap: the latest that has any has the newest.
  for (auto assignment = row.order.assignments.rbegin(); assignment != row.order.assignments.rend(); ++assignment) {
    if (!last.empty() && assignment->to && last.place.fix_time() >= *assignment->to) break;
    TRY_LET(const Candidate found, newest_loose(view, *assignment));
    if (!found) continue;
    last.take(found->place, found->row);
    break;
  }
  if (last.empty()) return std::optional<Kept>();
  TRY_LET(Kept kept, decode_kept(last.row));
  return kept;
}

}  // namespace waybill::store

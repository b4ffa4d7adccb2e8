#include <algorithm>

#include "store/reading.h"

namespace waybill::store {
namespace {

using Candidate = std::optional<NewestRow>;

// What is looked for among the rows of one scope: the locations that name this order, or those that name none.
struct Wanted {
  std::string_view order;  // empty: none

  bool operator()(std::string_view row) const { return names_order(row) == !order.empty(); }
  bool operator()(const Location& location) const {
    return !is_ahead(location) && (order.empty() || location.order->text == order);
  }
};

bool is_gone(const View& view, const NewestRow& copy) { return !copy.empty() && offset_of(copy.row) < view.purged(); }

// The newest wanted one in [from, to), within one hour of the scope's rows. Keys that begin with the same 4 bytes of time are
// 71 minutes: a cursor that ends there does not pass all that was let go of before.
Result<Candidate> newest_in_hour(const View& view, std::string_view scope, Time from, Time to, const Wanted& wanted,
                                 size_t& left) {
  constexpr size_t time_bytes = 4;
  const size_t prefix_bytes = scope.size() + 1 + time_bytes;
  const std::string begin = location_key(scope, first_place(from));
  std::string last = location_key(scope, first_place(to - Duration(1)));
  while (true) {
    const std::string prefix = last.substr(0, prefix_bytes);
    const auto rows = view.cursor(Table::location, prefix);
    rows->seek_back(std::min(location_key(scope, first_place(to)), prefix + std::string(Place::size, '\xff')));
    for (; rows->valid() && left > 0; rows->previous(), --left) {
      // At `to` itself it is outside; nothing is stored under first_place() but by chance.
      if (place_of(rows->key()).fix_time() >= to) continue;
      if (rows->key() < begin) return Candidate();
      if (!wanted(rows->value())) continue;
      TRY_LET(const Kept kept, decode_kept(rows->value()));
      if (wanted(kept.location)) return NewestRow{.place = place_of(rows->key()), .row = std::string(rows->value())};
    }
    TRY(rows->status());
    if (left == 0 || begin.compare(0, prefix_bytes, last, 0, prefix_bytes) == 0) return Candidate();
    last = begin;  // an hour reaches into two of them at most
  }
}

// In a period that is over, when newer ones are known: hour by hour backwards.
Result<Candidate> search_back(const View& view, std::string_view deliverer, Time from, Time to) {
  const std::string scope = "d" + std::string(deliverer);
  const std::string hours_prefix = id_prefix(deliverer);
  const auto hours = view.cursor(Table::loose_hours, hours_prefix);
  size_t left = last_scan_max;
  hours->seek_back(loose_hour_key(deliverer, hour_of(to - Duration(1))));
  for (; hours->valid() && left > 0; hours->previous(), --left) {
    const int32_t number = hour_in(hours->key(), hours_prefix.size());
    if (number < hour_of(from)) break;
    const Time begin = std::max(from, hour_begin(number)), end = std::min(to, hour_begin(number) + hour);
    TRY_LET(Candidate found, newest_in_hour(view, scope, begin, end, Wanted{}, left));
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
  if (assignment.covers(newest) && !is_gone(view, row.loose)) return std::move(row.loose);
  return search_back(view, assignment.deliverer.text, assignment.from, assignment.to.value_or(Time::max()));
}

// Of all that is left: the hours in which the order was named, backwards.
Result<Candidate> search_named(const View& view, std::string_view order) {
  const std::string prefix = id_prefix(order);
  const auto hours = view.cursor(Table::order_hours, prefix);
  const std::string behind = prefix + std::string(sizeof(int32_t), '\xff') + '\xff';
  Candidate best;
  int32_t best_hour = 0;
  size_t left = last_scan_max;
  for (hours->seek_back(behind); hours->valid() && left > 0; hours->previous(), --left) {
    const int32_t number = hour_in(hours->key(), prefix.size());
    if (best && number != best_hour) break;
    const std::string scope(hours->key().substr(prefix.size() + sizeof(int32_t)));
    TRY_LET(const Candidate found,
            newest_in_hour(view, scope, hour_begin(number), hour_begin(number) + hour, Wanted{.order = order}, left));
    if (!found) continue;
    if (!best) best.emplace();
    best->take(found->place, found->row);
    best_hour = number;
    if (left == 0) break;
  }
  TRY(hours->status());
  return best;
}

// Of all that is left of a deliverer.
Result<Candidate> search_newest(const View& view, std::string_view deliverer) {
  const std::string prefix = id_prefix("d" + std::string(deliverer));
  const auto rows = view.cursor(Table::location, prefix);
  size_t left = last_scan_max;
  for (rows->seek_back(prefix + std::string(Place::size, '\xff')); rows->valid() && left > 0;
       rows->previous(), --left) {
    TRY_LET(const Kept kept, decode_kept(rows->value()));
    if (!is_ahead(kept.location)) return NewestRow{.place = place_of(rows->key()), .row = std::string(rows->value())};
  }
  TRY(rows->status());
  return Candidate();
}

}  // namespace

Result<bool> renew(const View& view, OrderRow& row) {
  return renew(view, row, [&](const NewestRow& copy) { return is_gone(view, copy); });
}

Result<bool> renew(const View& view, DelivererRow& row) {
  return renew(view, row, [&](const NewestRow& copy) { return is_gone(view, copy); });
}

Result<bool> renew(const View& view, OrderRow& row, const IsGone& is_gone) {
  if (!is_gone(row.named)) return false;
  TRY_LET(Candidate found, search_named(view, row.order.id.text));
  row.named = std::move(found).value_or(NewestRow{});
  return true;
}

Result<bool> renew(const View& view, DelivererRow& row, const IsGone& is_gone) {
  const bool newest = is_gone(row.newest), loose = is_gone(row.loose);
  if (newest) {
    TRY_LET(Candidate found, search_newest(view, row.id.text));
    row.newest = std::move(found).value_or(NewestRow{});
  }
  if (loose) {
    TRY_LET(Candidate found, search_back(view, row.id.text, Time::min(), Time::max()));
    row.loose = std::move(found).value_or(NewestRow{});
  }
  return newest || loose;
}

Result<std::optional<Kept>> last_of(const View& view, OrderRow& row) {
  TRY(renew(view, row));
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

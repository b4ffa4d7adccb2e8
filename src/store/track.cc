// A track is read hour by hour. In each hour the scopes that may hold rows of it are known: of order_hours, those whose
// locations name the order; of loose_hours, the deliverers who were assigned to it. Each scope is walked once, rows are
// kept in order up to one more than the page wants, so that memory is bounded by the page and not by the hour.
#include <algorithm>
#include <limits>

#include "store/reading.h"

namespace waybill::store {
namespace {

// A row's place in a track; of rows at the same place of several scopes the scope decides.
struct Spot {
  Place place;
  std::string scope;
  auto operator<=>(const Spot&) const = default;
};

struct Row {
  Spot spot;
  Kept kept;
};

std::string spot_text(const Spot& spot) { return std::string(spot.place.text()) + spot.scope; }

Result<Spot> take_spot(std::string_view question, std::string_view cursor) {
  TRY_LET(const std::string text, take_cursor(question, cursor));
  if (text.size() < Place::size) return fail(Code::invalid, "cursor: it was not given as next_cursor of this query");
  return Spot{.place = place_of(std::string_view(text).substr(0, Place::size)), .scope = text.substr(Place::size)};
}

Time begin_of(const TrackQuery& query) { return query.from.value_or(Time::min()); }
Time end_of(const TrackQuery& query) { return query.to.value_or(Time::max()); }

// One page on its way: rows in order, at most `limit` + 1 of them.
class Page {
 public:
  Page(size_t limit, std::optional<Spot> after) : limit_(limit), after_(std::move(after)) {}

  bool full() const { return rows_.size() > limit_; }
  bool spent() const { return scanned_ >= track_scan_max; }
  bool is_cut() const { return cut_.has_value(); }
  size_t scanned() const { return scanned_; }
  void count(size_t rows) { scanned_ += rows; }

  bool wants(const Spot& spot) const { return !after_ || spot > *after_; }
  Place first_wanted(Time from) const {
    const Place first = first_place(from);
    return after_ ? std::max(first, after_->place) : first;
  }
  // Whether this row and those behind it in its scope cannot be on the page.
  bool is_behind(const Spot& spot) const { return fresh_.size() > limit_ || (full() && spot > rows_.back().spot); }

  // Rows of one scope, in order; then the scope is over.
  void add(Row row) { fresh_.push_back(std::move(row)); }
  void end_scope() {
    const auto middle = static_cast<std::ptrdiff_t>(rows_.size());
    std::ranges::move(fresh_, std::back_inserter(rows_));
    fresh_.clear();
    std::ranges::inplace_merge(rows_, rows_.begin() + middle, {}, &Row::spot);
    if (rows_.size() > limit_ + 1) rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(limit_) + 1, rows_.end());
  }
  // Everything up to here was looked at in every scope; what is behind is not certain yet.
  void cut(const Spot& spot) {
    if (!cut_ || spot < *cut_) cut_ = spot;
  }

  TrackPage take(std::string_view question) && {
    TrackPage page;
    if (cut_) std::erase_if(rows_, [&](const Row& row) { return row.spot > *cut_; });
    if (full()) {
      rows_.pop_back();
      page.next_cursor = make_cursor(question, spot_text(rows_.back().spot));
    } else if (cut_) {
      page.next_cursor = make_cursor(question, spot_text(*cut_));
    }
    page.locations.reserve(rows_.size());
    for (Row& row : rows_) page.locations.push_back(std::move(row.kept));
    return page;
  }

 private:
  size_t limit_;
  std::optional<Spot> after_;
  std::vector<Row> rows_;
  std::vector<Row> fresh_;  // of the scope that is being walked
  std::optional<Spot> cut_;
  size_t scanned_ = 0;
};

// Walks one scope in [from, to) into the page; `belongs` says of a decoded location whether it is of the track.
template <class Belongs>
Result<void> walk(const View& view, std::string_view scope, Time from, Time to, size_t rows_max, Page& page,
                  const Belongs& belongs) {
  const auto cursor = view.cursor(Table::location, id_prefix(scope));
  size_t seen = 0;
  for (cursor->seek(location_key(scope, page.first_wanted(from))); cursor->valid(); cursor->next()) {
    Spot spot{.place = place_of(cursor->key()), .scope = std::string(scope)};
    if (spot.place.fix_time() >= to || page.is_behind(spot)) break;
    if (!page.wants(spot)) continue;
    if (belongs(spot.place.fix_time(), names_order(cursor->value()))) {
      TRY_LET(Kept kept, decode_kept(cursor->value()));
      if (belongs(kept.location)) page.add({.spot = spot, .kept = std::move(kept)});
    }
    if (++seen >= rows_max) {
      page.cut(spot);
      break;
    }
  }
  page.count(seen);
  page.end_scope();
  return cursor->status();
}

struct Anything {
  bool operator()(Time, bool) const { return true; }
  bool operator()(const Location&) const { return true; }
};

Result<TrackPage> deliverer_track(const View& view, const TrackQuery& query) {
  const std::string scope = "d" + query.deliverer->text;
  std::optional<Spot> after;
  if (!query.cursor.empty()) {
    TRY_LET(after, take_spot(scope, query.cursor));
  }
  Page page(query.limit, after);
  const Time from = after ? std::max(begin_of(query), after->place.fix_time()) : begin_of(query);
  TRY(walk(view, scope, from, end_of(query), std::numeric_limits<size_t>::max(), page, Anything()));
  return std::move(page).take(scope);
}

// What of one scope's rows is of the order's track.
struct OfOrder {
  const Order& order;
  std::string_view deliverer;  // of the scope; empty where it has none

  const Assignment* assignment_at(Time time) const {
    const auto behind = std::ranges::upper_bound(order.assignments, time, {}, &Assignment::from);
    if (deliverer.empty() || behind == order.assignments.begin()) return nullptr;
    const Assignment& assignment = *std::prev(behind);
    return assignment.covers(time) && assignment.deliverer.text == deliverer ? &assignment : nullptr;
  }
  bool operator()(Time time, bool names_one) const { return names_one || assignment_at(time) != nullptr; }
  bool operator()(const Location& location) const { return !location.order || *location.order == order.id; }
};

class OrderTrack {
 public:
  OrderTrack(const View& view, const Order& order, const TrackQuery& query)
      : view_(view),
        order_(order),
        named_prefix_(id_prefix(order.id.text)),
        named_(view.cursor(Table::order_hours, named_prefix_)),
        to_(end_of(query)) {}

  Result<void> read(Time from, Page& page) {
    for (Time at = from; at < to_ && !page.full() && !page.is_cut();) {
      TRY_LET(const std::optional<int32_t> number, next_hour(hour_of(at)));
      if (!number) return {};
      const Time begin = std::max(at, hour_begin(*number)), end = std::min(to_, hour_begin(*number) + hour);
      if (begin >= end) return {};
      TRY(read_hour(*number, begin, end, page));
      page.count(1);
      if (page.spent() && !page.full() && !page.is_cut()) page.cut({.place = first_place(end), .scope = {}});
      at = end;
    }
    return {};
  }

 private:
  // The first hour from `number` on in which the track may have rows.
  Result<std::optional<int32_t>> next_hour(int32_t number) {
    std::optional<int32_t> first;
    named_->seek(order_hour_key(order_.id.text, number, {}));
    if (named_->valid()) first = hour_in(named_->key(), named_prefix_.size());
    TRY(named_->status());
    for (; assignment_ < order_.assignments.size(); ++assignment_) {
      const Assignment& assignment = order_.assignments[assignment_];
      const int32_t begin = std::max(number, hour_of(assignment.from));
      if (first && begin > *first) break;
      if (assignment.to && hour_of(*assignment.to - Duration(1)) < begin) continue;
      TRY_LET(const std::optional<int32_t> loose, loose_hour(assignment.deliverer.text, begin));
      if (!loose || (assignment.to && hour_of(*assignment.to - Duration(1)) < *loose)) continue;
      if (!first || *loose < *first) first = loose;
      break;  // those behind it begin later
    }
    return first;
  }

  Result<std::optional<int32_t>> loose_hour(std::string_view deliverer, int32_t number) {
    const auto hours = view_.cursor(Table::loose_hours, id_prefix(deliverer));
    hours->seek(loose_hour_key(deliverer, number));
    TRY(hours->status());
    if (!hours->valid()) return std::optional<int32_t>();
    return std::optional(hour_in(hours->key(), deliverer.size() + 1));
  }

  Result<std::vector<std::string>> scopes_of(int32_t number, Time begin, Time end) {
    std::vector<std::string> scopes;
    const std::string key = order_hour_key(order_.id.text, number, {});
    for (named_->seek(key); named_->valid() && named_->key().starts_with(key); named_->next())
      scopes.emplace_back(named_->key().substr(key.size()));
    TRY(named_->status());
    for (const Assignment& assignment : order_.assignments)
      if (assignment.from < end && (!assignment.to || *assignment.to > begin))
        scopes.push_back("d" + assignment.deliverer.text);
    std::ranges::sort(scopes);
    const auto repeats = std::ranges::unique(scopes);
    scopes.erase(repeats.begin(), repeats.end());
    return scopes;
  }

  // Each scope gets its share of the rows that may be looked at, at least one, so that a page always gets further.
  Result<void> read_hour(int32_t number, Time begin, Time end, Page& page) {
    TRY_LET(const std::vector<std::string> scopes, scopes_of(number, begin, end));
    const size_t left = page.spent() ? 0 : track_scan_max - page.scanned();
    const size_t share = std::max<size_t>(1, left / std::max<size_t>(1, scopes.size()));
    for (const std::string& scope : scopes) {
      const std::string_view deliverer = scope[0] == 'd' ? std::string_view(scope).substr(1) : std::string_view();
      TRY(walk(view_, scope, begin, end, share, page, OfOrder{.order = order_, .deliverer = deliverer}));
    }
    return {};
  }

  const View& view_;
  const Order& order_;
  std::string named_prefix_;
  std::unique_ptr<Cursor> named_;
  Time to_;
  size_t assignment_ = 0;  // those before it are over
};

Result<TrackPage> order_track(const View& view, const TrackQuery& query) {
  const std::string question = "o" + query.order->text;
  std::optional<Spot> after;
  if (!query.cursor.empty()) {
    TRY_LET(after, take_spot(question, query.cursor));
  }
  std::string bytes;
  TRY_LET(const bool known, view.get(Table::order, query.order->text, bytes));
  if (!known) return TrackPage{};
  TRY_LET(const OrderRow row, decode_order(query.order->text, bytes));
  Page page(query.limit, after);
  const Time from = after ? std::max(begin_of(query), after->place.fix_time()) : begin_of(query);
  TRY(OrderTrack(view, row.order, query).read(from, page));
  return std::move(page).take(question);
}

}  // namespace

Result<TrackPage> read_track(const View& view, const TrackQuery& query) {
  if (query.order.has_value() == query.deliverer.has_value())
    return fail(Code::invalid, "track: of an order or of a deliverer, exactly one of the two");
  if (query.limit == 0 || query.limit > track_limit_max)
    return fail(Code::invalid, "track: limit must be 1 … " + std::to_string(track_limit_max));
  return query.order ? order_track(view, query) : deliverer_track(view, query);
}

}  // namespace waybill::store

#include "wire/json_in.h"

#include <algorithm>
#include <type_traits>

#include "wire/item_in.h"
#include "wire/json_text.h"
#include "wire/plain_location.h"
#include "wire/tables_in.h"

namespace waybill::wire {
namespace {

constexpr size_t reason_bytes_max = 512;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view without_mark(std::string_view body) {
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  return body;
}

std::string_view without_space(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\r"), text.size()));
  return text;
}

std::unexpected<Error> too_many() {
  return fail(Code::invalid, "body: more than " + std::to_string(items_max) + " items");
}

// How one item of the body becomes a value; false where fields.failure() says why not.
bool read_item(std::string_view object, const InputOptions& options, size_t number, FieldReader& fields,
               Location& into) {
  return read_location(object, LocationNeeds::order_or_deliverer, options, number, fields, into);
}
bool read_item(std::string_view object, const InputOptions& options, size_t number, FieldReader& fields,
               OrderCommand& into) {
  return read_order(object, options, number, fields, into);
}

// Reads the items of a body in their order.
template <class T>
class ItemReader {
 public:
  ItemReader(const InputOptions& options, Reading reading, JsonChecker& checker, ItemSink<T>& sink)
      : options_(options),
        reading_(reading),
        checker_(checker),
        fields_(options.naive_offset, NumberForm::json),
        plain_(options, fields_),
        sink_(sink) {}

  Result<void> body(std::string_view body, BodyForm form) {
    switch (form) {
      case BodyForm::json: return json(body);
      case BodyForm::ndjson: return lines(body);
      case BodyForm::csv: return csv(body);
    }
    return fail(Code::invalid, "body: form is not known");
  }

 private:
  Result<void> json(std::string_view body) {
    body = json_trimmed(without_mark(body));
    if (body.empty()) return fail(Code::invalid, "JSON: the body is empty");
    if (kind_of(body) == JsonKind::array) return array(body);
    if (plain(body) == body.size()) return take_plain(), Result<void>();
    TRY(checker_.check(body));
    if (kind_of(body) != JsonKind::object)
      return fail(Code::invalid, "JSON: expected an object or an array of objects");
    take(body);
    return {};
  }

  // Plain items are checked as they are read; with the first other one the whole body is.
  Result<void> array(std::string_view body) {
    std::string_view rest = body.substr(1);
    std::string_view element;
    for (bool checked = false;;) {
      rest = without_space(rest);
      if (const size_t bytes = full() ? 0 : plain(rest); bytes != 0) {
        const std::string_view behind = without_space(rest.substr(bytes));
        if (behind.starts_with(',') || behind == "]") {
          take_plain();
          if (behind == "]") return {};
          rest = behind.substr(1);
          continue;
        }
      }
      if (!std::exchange(checked, true)) TRY(checker_.check(body));
      JsonWalk walk = JsonWalk::among(rest);
      if (!walk.next_element(element)) return {};
      if (full()) return too_many();
      take(element);
      rest = without_space(walk.rest());
      if (rest.starts_with(',')) rest.remove_prefix(1);
    }
  }

  Result<void> lines(std::string_view body) {
    body = without_mark(body);
    while (!body.empty()) {
      const size_t end = std::min(body.find('\n'), body.size());
      const std::string_view line = json_trimmed(body.substr(0, end));
      body.remove_prefix(std::min(end + 1, body.size()));
      if (line.empty()) continue;
      if (full()) return too_many();
      if (plain(line) == line.size())
        take_plain();
      else if (const Result<void> checked = checker_.check(line); checked)
        take(line);
      else
        fail_item(checked.error().message, line);
    }
    return {};
  }

  Result<void> csv(std::string_view body) {
    TRY_LET(const Csv csv, parse_csv(body));
    if (csv.rows.size() > items_max) return too_many();
    const CsvColumns columns(csv.header, {});
    for (const CsvRow& row : csv.rows) {
      if (const Result<std::string> object = columns.to_json(row); object)
        take(*object);
      else
        fail_item("CSV: the row " + object.error().message, csv_line(row));
    }
    return {};
  }

  bool full() const { return items_ == items_max; }

  // How many bytes the item at the front takes, read into item_; 0 where it is not plain.
  size_t plain(std::string_view text) {
    if constexpr (std::is_same_v<T, Location>)
      if (reading_ == Reading::quick) return plain_.read(text, items_, item_);
    return 0;
  }
  void take_plain() {
    ++items_;
    sink_.take(item_);
  }
  void take(std::string_view object) {
    if (object.size() > item_bytes_max)
      return fail_item("has more than " + std::to_string(item_bytes_max) + " bytes", object);
    item_ = T{};
    if (read_item(object, options_, items_++, fields_, item_)) return sink_.take(item_);
    fields_.failure().raw = object;
    sink_.take(std::exchange(fields_.failure(), {}));
  }
  void fail_item(std::string reason, std::string_view raw) {
    if (reason.size() > reason_bytes_max) reason.resize(reason_bytes_max);  // it may hold a column's name
    ++items_;
    sink_.take(ItemFailure{
        .field = "", .reason = std::move(reason), .raw = std::string(raw.substr(0, item_bytes_max)), .missing = false});
  }

  const InputOptions& options_;
  const Reading reading_;
  JsonChecker& checker_;
  FieldReader fields_;
  PlainLocations plain_;
  ItemSink<T>& sink_;
  T item_;
  size_t items_ = 0;
};

template <class T>
class Gatherer final : public ItemSink<T> {
 public:
  void take(T& item) override { items.emplace_back(std::move(item)); }
  void take(ItemFailure failure) override { items.emplace_back(std::move(failure)); }
  Items<T> items;
};

ItemFailure failure_of(FieldReader& fields, std::string_view raw) {
  fields.failure().raw = raw;
  return std::move(fields.failure());
}

}  // namespace

struct InputParser::Buffers {
  Reading reading;
  JsonChecker checker;
};

InputParser::InputParser(Reading reading) : buffers_(std::make_unique<Buffers>(reading)) {}
InputParser::~InputParser() = default;

Result<void> InputParser::locations(std::string_view body, BodyForm form, const InputOptions& options,
                                    ItemSink<Location>& sink) {
  return ItemReader<Location>(options, buffers_->reading, buffers_->checker, sink).body(body, form);
}

Result<void> InputParser::orders(std::string_view body, BodyForm form, const InputOptions& options,
                                 ItemSink<OrderCommand>& sink) {
  return ItemReader<OrderCommand>(options, buffers_->reading, buffers_->checker, sink).body(body, form);
}

Result<Items<Location>> InputParser::locations(std::string_view body, BodyForm form, const InputOptions& options) {
  Gatherer<Location> all;
  TRY(locations(body, form, options, all));
  return std::move(all.items);
}

Result<Items<OrderCommand>> InputParser::orders(std::string_view body, BodyForm form, const InputOptions& options) {
  Gatherer<OrderCommand> all;
  TRY(orders(body, form, options, all));
  return std::move(all.items);
}

Result<std::variant<OrderCommand, ItemFailure>> InputParser::order_command(OrderCommand::Kind kind,
                                                                           const OrderId& order, std::string_view body,
                                                                           const InputOptions& options) {
  std::string_view object = json_trimmed(without_mark(body));
  if (object.empty()) object = "{}";
  TRY(buffers_->checker.check(object));
  FieldReader fields(options.naive_offset, NumberForm::json);
  OrderCommand command;
  command.kind = kind;
  command.order = order;
  if (!read_order(object, options, 0, fields, command)) return failure_of(fields, body);
  return command;
}

Result<std::variant<Location, ItemFailure>> InputParser::first_system(std::string_view body,
                                                                      const InputOptions& options) {
  std::string_view object = json_trimmed(without_mark(body));
  if (object.empty()) return fail(Code::invalid, "JSON: the body is empty");
  TRY(buffers_->checker.check(object));
  std::string scratch;
  if (kind_of(object) == JsonKind::string) {
    const std::optional<std::string_view> meant = json_string(object, scratch);
    if (!meant) return fail(Code::invalid, "JSON: the text holds half of a surrogate pair");
    object = json_trimmed(*meant);
    TRY(buffers_->checker.check(object));
  }
  FieldReader fields(options.naive_offset, NumberForm::text_too);
  Location location;
  if (!read_location(object, LocationNeeds::order, options, 0, fields, location)) return failure_of(fields, body);
  return location;
}

}  // namespace waybill::wire

#include "wire/json_in.h"

#include "wire/item_in.h"
#include "wire/json_text.h"
#include "wire/tables_in.h"

namespace waybill::wire {
namespace {

constexpr size_t reason_bytes_max = 512;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view without_mark(std::string_view body) {
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  return body;
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

// Collects the items of a body in their order.
template <class T>
class Collector {
 public:
  explicit Collector(const InputOptions& options)
      : options_(options), fields_(options.naive_offset, NumberForm::json) {}

  bool full() const { return items_.size() == items_max; }
  void take(std::string_view object) {
    if (object.size() > item_bytes_max)
      return fail_item("has more than " + std::to_string(item_bytes_max) + " bytes", object);
    auto& item = items_.emplace_back(std::in_place_type<T>);
    if (!read_item(object, options_, items_.size() - 1, fields_, *std::get_if<T>(&item))) {
      fields_.failure().raw = object;
      item = std::exchange(fields_.failure(), {});
    }
  }
  void fail_item(std::string reason, std::string_view raw) {
    if (reason.size() > reason_bytes_max) reason.resize(reason_bytes_max);  // it may hold a column's name
    items_.emplace_back(ItemFailure{
        .field = "", .reason = std::move(reason), .raw = std::string(raw.substr(0, item_bytes_max)), .missing = false});
  }
  Items<T> done() { return std::move(items_); }

 private:
  const InputOptions& options_;
  FieldReader fields_;
  Items<T> items_;
};

template <class T>
Result<Items<T>> from_json(std::string_view body, JsonChecker& checker, const InputOptions& options) {
  body = json_trimmed(without_mark(body));
  if (body.empty()) return fail(Code::invalid, "JSON: the body is empty");
  TRY(checker.check(body));
  Collector<T> items(options);
  if (kind_of(body) == JsonKind::object) {
    items.take(body);
    return items.done();
  }
  if (kind_of(body) != JsonKind::array) return fail(Code::invalid, "JSON: expected an object or an array of objects");
  JsonWalk walk(body);
  std::string_view element;
  while (walk.next_element(element)) {
    if (items.full()) return too_many();
    items.take(element);
  }
  return items.done();
}

template <class T>
Result<Items<T>> from_lines(std::string_view body, JsonChecker& checker, const InputOptions& options) {
  body = without_mark(body);
  Collector<T> items(options);
  while (!body.empty()) {
    const size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = json_trimmed(body.substr(0, end));
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.empty()) continue;
    if (items.full()) return too_many();
    if (const Result<void> checked = checker.check(line); checked)
      items.take(line);
    else
      items.fail_item(checked.error().message, line);
  }
  return items.done();
}

template <class T>
Result<Items<T>> from_csv(std::string_view body, const InputOptions& options) {
  TRY_LET(const Csv csv, parse_csv(body));
  if (csv.rows.size() > items_max) return too_many();
  const CsvColumns columns(csv.header, {});
  Collector<T> items(options);
  for (const CsvRow& row : csv.rows) {
    if (const Result<std::string> object = columns.to_json(row); object)
      items.take(*object);
    else
      items.fail_item("CSV: the row " + object.error().message, csv_line(row));
  }
  return items.done();
}

template <class T>
Result<Items<T>> from_body(std::string_view body, BodyForm form, JsonChecker& checker, const InputOptions& options) {
  switch (form) {
    case BodyForm::json: return from_json<T>(body, checker, options);
    case BodyForm::ndjson: return from_lines<T>(body, checker, options);
    case BodyForm::csv: return from_csv<T>(body, options);
  }
  return fail(Code::invalid, "body: form is not known");
}

ItemFailure failure_of(FieldReader& fields, std::string_view raw) {
  fields.failure().raw = raw;
  return std::move(fields.failure());
}

}  // namespace

struct InputParser::Buffers {
  JsonChecker checker;
};

InputParser::InputParser() : buffers_(std::make_unique<Buffers>()) {}
InputParser::~InputParser() = default;

Result<Items<Location>> InputParser::locations(std::string_view body, BodyForm form, const InputOptions& options) {
  return from_body<Location>(body, form, buffers_->checker, options);
}

Result<Items<OrderCommand>> InputParser::orders(std::string_view body, BodyForm form, const InputOptions& options) {
  return from_body<OrderCommand>(body, form, buffers_->checker, options);
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

#include "wire/plain_location.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

#include "wire/json_text.h"

namespace waybill::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "the first byte of a text is the lowest of a word");

constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr uint64_t each_byte = 0x0101010101010101, high_bits = 0x8080808080808080;

uint64_t word_at(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// The high bit of the first byte that is `c`; of bytes behind it perhaps others.
constexpr uint64_t bytes_that_are(char c, uint64_t word) {
  const uint64_t same = word ^ each_byte * static_cast<unsigned char>(c);
  return (same - each_byte) & ~same & high_bits;
}

// A field's name and its closing quote as two words, so that comparing it takes no loop.
struct NameWords {
  uint64_t low = 0, low_mask = 0, high = 0, high_mask = 0;
  size_t bytes = 0;  // with the quote

  bool is_at(const char* at) const {
    return (((word_at(at) & low_mask) ^ low) | ((word_at(at + 8) & high_mask) ^ high)) == 0;
  }
};
constexpr size_t name_words_bytes = 16;

constexpr NameWords name_words(std::string_view name) {
  NameWords words;
  words.bytes = name.size() + 1;
  for (size_t i = 0; i < words.bytes; ++i) {
    const auto byte = static_cast<uint64_t>(i < name.size() ? static_cast<unsigned char>(name[i]) : '"');
    (i < 8 ? words.low : words.high) |= byte << i % 8 * 8;
    (i < 8 ? words.low_mask : words.high_mask) |= uint64_t{255} << i % 8 * 8;
  }
  return words;
}

constexpr auto words_of_names = [] {
  std::array<NameWords, location_fields> all;
  for (size_t i = 0; i < location_fields; ++i) all[i] = name_words(location_field_names[i]);
  return all;
}();

constexpr std::array<double, 16> powers_of_ten = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// A number as it stands: its sign, digits and the place of its point, where all of that says exactly what it is.
struct PlainNumber {
  std::string_view text;
  uint64_t digits = 0;
  size_t count = 0;     // of digits
  size_t fraction = 0;  // of them behind the point
  bool negative = false;

  bool integer() const { return text.size() == count + (negative ? 1 : 0); }
  // Up to 15 digits and a power of ten up to 10^15 are exact as doubles, and so one division is rounded as it should be.
  bool value(double& into) const {
    if (count <= 15) {
      const double whole = static_cast<double>(digits) / powers_of_ten[fraction];
      into = negative ? -whole : whole;
      return true;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc() && end == text.data() + text.size();
  }
};

using FieldOrder = std::array<LocationField, location_fields + 1>;

class PlainReader {
 public:
  PlainReader(std::string_view text, FieldReader& fields, FieldOrder& follows, Location& into)
      : at_(text.data()), end_(text.data() + text.size()), fields_(fields), follows_(follows), into_(into) {}

  // The object's fields; false where it is not plain.
  bool read(LocationFieldSet& given);
  const char* at() const { return at_; }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (static_cast<size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) return false;
    at_ += word.size();
    return true;
  }
  // What stands between quotes, from behind the first of them to behind the last.
  bool take_text(std::string_view& text);
  bool take_text_with_quotes(std::string_view& text) { return take('"') && take_text(text); }
  bool take_number(PlainNumber& number);
  void take_digits(PlainNumber& number);
  void take_fraction(PlainNumber& number);
  bool at_digit() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }

  bool take_name(LocationField& field, std::string_view& name);
  bool take_value(LocationField field);
  bool take_id(std::string& text, bool& integer);
  template <class IdType>
  bool take_id(std::optional<IdType>& id) {
    if (!id) id.emplace();
    return take_id(id->text, id->integer);
  }
  bool take_real(double low, double high, double& into);
  bool take_real(double low, double high, std::optional<double>& into) { return take_real(low, high, into.emplace()); }
  bool take_time(ParsedTime& into);
  bool take_attribute(std::string_view name);

  const char* at_;
  const char* const end_;
  FieldReader& fields_;
  FieldOrder& follows_;
  Location& into_;
  LocationField before_ = LocationField::none;  // the field of ours that was taken last
};

bool PlainReader::take_text(std::string_view& text) {
  const char* const begin = at_;
  bool ascii = true;
  while (end_ - at_ >= 8) {
    const uint64_t word = word_at(at_);
    const uint64_t controls = (word - each_byte * 0x20) & ~word & high_bits;
    const uint64_t ends = bytes_that_are('"', word) | bytes_that_are('\\', word) | controls;
    const uint64_t foreign = word & high_bits;
    if (ends == 0) {
      ascii = ascii && foreign == 0;
      at_ += 8;
      continue;
    }
    const int bits = std::countr_zero(ends);  // 7 more than where the byte begins
    ascii = ascii && (foreign & ((uint64_t{1} << bits) - 1)) == 0;
    at_ += bits / 8;
    break;
  }
  for (; at_ != end_ && *at_ != '"'; ++at_) {
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte < 0x20 || byte == '\\') return false;
    ascii = ascii && byte < 0x80;
  }
  if (at_ == end_) return false;
  text = {begin, at_};
  ++at_;
  return ascii || is_utf8(text);
}

void PlainReader::take_digits(PlainNumber& number) {
  const char* const begin = at_;
  for (; at_digit(); ++at_)
    number.digits = number.digits * 10 + static_cast<uint64_t>(*at_ - '0');  // wraps: count tells
  number.count += static_cast<size_t>(at_ - begin);
}

// The same, up to eight at once: behind a point there are most often that many.
void PlainReader::take_fraction(PlainNumber& number) {
  const size_t before = number.count;
  while (end_ - at_ >= 8) {
    const uint64_t values = word_at(at_) ^ each_byte * '0';
    const uint64_t others = ((values + each_byte * (0x80 - 10)) | values) & high_bits;
    const auto count = static_cast<size_t>(others == 0 ? 8 : std::countr_zero(others) / 8);
    if (count != 0) {
      // As if zeros stood before them; then pairs, and pairs of pairs.
      uint64_t eight = values << (8 - count) * 8;
      eight = eight * 10 + (eight >> 8);
      constexpr uint64_t first_pairs = 0x000000ff000000ff;
      eight = (((eight & first_pairs) * 0x000f424000000064) + ((eight >> 16 & first_pairs) * 0x0000271000000001)) >> 32;
      number.digits = number.digits * static_cast<uint64_t>(powers_of_ten[count]) + eight;
      number.count += count;
      at_ += count;
    }
    if (count < 8) break;
  }
  if (end_ - at_ < 8) take_digits(number);
  number.fraction = number.count - before;
}

bool PlainReader::take_number(PlainNumber& number) {
  const char* const begin = at_;
  number.negative = take('-');
  const bool zero = at_ != end_ && *at_ == '0';
  take_digits(number);
  if (number.count == 0 || (zero && number.count > 1)) return false;
  if (take('.')) {
    take_fraction(number);
    if (number.fraction == 0) return false;
  }
  number.text = {begin, at_};
  return at_ == end_ || (*at_ != 'e' && *at_ != 'E');
}

bool PlainReader::take_id(std::string& text, bool& integer) {
  constexpr size_t digits_max = 18;  // fewer than 64 bits hold
  if (take('"')) {
    std::string_view id;
    if (!take_text(id) || id.empty() || id.size() > id_bytes_max || id.find('\x7f') != std::string_view::npos)
      return false;
    text.assign(id);
    integer = false;
    return true;
  }
  PlainNumber number;
  if (!take_number(number) || !number.integer() || number.count > digits_max) return false;
  if (number.digits == 0) number.text = "0";
  text.assign(number.text);
  integer = true;
  return true;
}

bool PlainReader::take_real(double low, double high, double& into) {
  PlainNumber number;
  if (!take_number(number) || !number.value(into)) return false;
  into += 0.0;  // -0 is 0, so that both have one identity
  return into >= low && into <= high;
}

bool PlainReader::take_time(ParsedTime& into) {
  std::optional<ParsedTime> time;
  if (take('"')) {
    std::string_view text;
    if (!take_text(text)) return false;
    time = fields_.time_of(text);
  } else {
    PlainNumber number;
    double epoch = 0;
    if (take_number(number) && number.value(epoch)) time = parse_epoch(epoch);
  }
  if (time) into = *time;
  return time.has_value();
}

bool PlainReader::take_attribute(std::string_view name) {
  const std::string_view literal(name.data() - 1, name.size() + 2);
  const char* const begin = at_;
  std::string_view text;
  PlainNumber number;
  const bool taken = at_ != end_ && *at_ == '"' ? take_text_with_quotes(text)
                                                : take("null") || take("true") || take("false") || take_number(number);
  return taken && fields_.attribute(literal, {begin, at_}, into_.attributes);
}

bool PlainReader::take_name(LocationField& field, std::string_view& name) {
  if (!take('"')) return false;
  LocationField& expected = follows_[static_cast<size_t>(before_)];
  const NameWords& words = words_of_names[static_cast<size_t>(expected)];
  if (end_ - at_ >= static_cast<ptrdiff_t>(name_words_bytes) && words.is_at(at_)) {
    at_ += words.bytes;
    before_ = field = expected;
    return true;
  }
  if (!take_text(name)) return false;
  size_t next = static_cast<size_t>(expected);
  field = location_field_of(name, next);
  if (field != LocationField::none) before_ = expected = field;
  return true;
}

bool PlainReader::take_value(LocationField field) {
  using enum LocationField;
  switch (field) {
    case order_id: return take_id(into_.order);
    case deliverer_id: return take_id(into_.deliverer);
    case delivery_state: {
      std::string_view text;
      if (!take_text_with_quotes(text)) return false;
      const auto state = parse_delivery_state(text);
      if (state) into_.state = *state;
      return state.has_value();
    }
    case latitude: return take_real(-90, 90, into_.latitude);
    case longitude: return take_real(-180, 180, into_.longitude);
    case timestamp: {
      ParsedTime time;
      if (!take_time(time)) return false;
      into_.fix_time = time.time;
      into_.fix_form = time.form;
      return true;
    }
    case speed: return take_real(0, unbounded, into_.speed_mps);
    case accuracy: return take_real(0, unbounded, into_.accuracy_m);
    case altitude: return take_real(-unbounded, unbounded, into_.altitude_m);
    case heading: {
      if (!take_real(0, 360, into_.heading_deg)) return false;
      if (into_.heading_deg == 360) into_.heading_deg = 0;
      return true;
    }
    case sent_at: {
      ParsedTime time;
      if (!take_time(time)) return false;
      into_.sent_at = time.time;
      return true;
    }
    case event_id: {
      bool integer = false;
      return take_id(into_.client_id, integer);
    }
    case none: break;
  }
  return false;
}

bool PlainReader::read(LocationFieldSet& given) {
  LocationFieldSet named;
  if (!take('{')) return false;
  while (true) {
    skip_space();
    LocationField field = LocationField::none;
    std::string_view name;
    if (!take_name(field, name)) return false;
    skip_space();
    if (!take(':')) return false;
    skip_space();
    if (field == LocationField::none) {
      if (!take_attribute(name)) return false;
    } else {
      if (!named.add_new(field)) return false;
      const bool null = at_ != end_ && *at_ == 'n';
      if (null ? !take("null") : !take_value(field)) return false;
      if (!null) given.add(field);
    }
    skip_space();
    if (take(',')) continue;
    return take('}');
  }
}

// What the location before had is gone, its texts' memory stays.
void clear(Location& location) {
  location.state = DeliveryState::none;
  location.sent_at.reset();
  location.accuracy_m.reset();
  location.altitude_m.reset();
  location.speed_mps.reset();
  location.heading_deg.reset();
  location.client_id.clear();
  location.attributes.clear();
}

}  // namespace

size_t PlainLocations::read(std::string_view text, size_t number, Location& into) {
  clear(into);
  LocationFieldSet given;
  PlainReader reader(text.substr(0, item_bytes_max), fields_, follows_, into);
  bool plain = reader.read(given);
  if (plain) {
    if (!given.has(LocationField::order_id)) into.order.reset();
    if (!given.has(LocationField::deliverer_id)) into.deliverer.reset();
    plain = complete_location(given, LocationNeeds::order_or_deliverer, options_, number, fields_, into);
  }
  if (plain) return static_cast<size_t>(reader.at() - text.data());
  fields_.failure() = {};
  return 0;
}

}  // namespace waybill::wire

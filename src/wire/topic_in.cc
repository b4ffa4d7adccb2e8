#include "wire/topic_in.h"

#include <algorithm>
#include <utility>

namespace waybill::wire {
namespace {

constexpr std::pair<std::string_view, TopicForm> form_names[] = {
    {"waybill", TopicForm::waybill}, {"first_system", TopicForm::first_system}, {"owntracks", TopicForm::owntracks}};
constexpr size_t filter_bytes_max = 1024;

// The first level, taken off; nothing once there is none left. A filter or topic that ends with `/` has an empty last level.
class Levels {
 public:
  explicit Levels(std::string_view text) : rest_(text) {}
  std::optional<std::string_view> next() {
    if (!rest_) return std::nullopt;
    const size_t end = rest_->find('/');
    const std::string_view level = rest_->substr(0, end);
    if (end == std::string_view::npos)
      rest_.reset();
    else
      rest_->remove_prefix(end + 1);
    return level;
  }

 private:
  std::optional<std::string_view> rest_;
};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

class Gathering final : public PhoneSink {
 public:
  explicit Gathering(Published& into) : into_(into) {}
  void take(Location& item) override { into_.locations.push_back(std::move(item)); }
  void take(ItemFailure failure) override {
    failure.raw.resize(std::min(failure.raw.size(), item_bytes_max));
    into_.failures.push_back(std::move(failure));
  }
  void hear(PhoneWord word) override { into_.words.push_back(std::move(word)); }

 private:
  Published& into_;
};

ItemFailure failure_of(std::string_view bytes, std::string reason) {
  return {.field = {}, .reason = std::move(reason), .raw = std::string(bytes), .missing = false};
}

}  // namespace

std::string_view to_string(TopicForm form) {
  const auto* const found = std::ranges::find(form_names, form, &std::pair<std::string_view, TopicForm>::second);
  return found->first;
}

std::vector<TopicRule> usual_topics() {
  return {{.filter = "owntracks/+/+", .form = TopicForm::owntracks},
          {.filter = "waybill/+", .form = TopicForm::waybill},
          {.filter = "test/deliverer_data", .form = TopicForm::first_system}};
}

bool is_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > filter_bytes_max || filter.starts_with('$')) return false;
  Levels levels(filter);
  for (bool last = false; const auto level = levels.next();) {
    if (std::exchange(last, *level == "#")) return false;
    const bool is_wild = *level == "+" || *level == "#";
    const auto is_odd = [](unsigned char c) { return c <= ' ' || c == '+' || c == '#' || c == 0x7f; };
    if (!is_wild && std::ranges::any_of(*level, is_odd)) return false;
  }
  return true;
}

bool covers(std::string_view filter, std::string_view topic) {
  Levels wanted(filter), there(topic);
  for (;;) {
    const auto level = wanted.next();
    if (level == "#") return true;
    const auto its = there.next();
    if (!level || !its) return !level && !its;
    if (*level != "+" && *level != *its) return false;
  }
}

std::optional<std::string_view> named_in(std::string_view filter, std::string_view topic) {
  Levels wanted(filter), there(topic);
  while (const auto level = wanted.next()) {
    const auto its = there.next();
    if (level == "+") return its;
  }
  return std::nullopt;
}

std::optional<std::vector<TopicRule>> parse_topic_rules(std::string_view text) {
  std::vector<TopicRule> rules;
  while (!text.empty()) {
    const std::string_view rule = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), rule.size() + 1));
    if (trimmed(rule).empty()) continue;
    const size_t equals = std::min(rule.rfind('='), rule.size());
    const std::string_view filter = trimmed(rule.substr(0, equals));
    const std::string_view form = trimmed(rule.substr(std::min(equals + 1, rule.size())));
    const auto* const found = std::ranges::find(form_names, form, &std::pair<std::string_view, TopicForm>::first);
    if (found == std::end(form_names) || !is_topic_filter(filter)) return std::nullopt;
    rules.push_back({.filter = std::string(filter), .form = found->second});
  }
  return rules;
}

std::string to_text(const std::vector<TopicRule>& rules) {
  std::string text;
  for (const TopicRule& rule : rules)
    text.append(text.empty() ? "" : ", ").append(rule.filter).append("=").append(to_string(rule.form));
  return text;
}

TopicReader::TopicReader(std::vector<TopicRule> rules, Duration naive_offset, const Passphrases* passphrases)
    : rules_(std::move(rules)), phone_parser_(passphrases) {
  options_.naive_offset = naive_offset;
  options_.deliverer_rules = true;
}

void TopicReader::read(std::string_view topic, std::string_view bytes, Time received_at, Published& into) {
  into.form.reset();
  into.names_deliverer = false;
  into.locations.clear();
  into.failures.clear();
  into.words.clear();
  const auto rule = std::ranges::find_if(rules_, [&](const TopicRule& one) { return covers(one.filter, topic); });
  if (rule != rules_.end()) into.form = rule->form;
  if (bytes.empty()) return;
  const std::string_view kept = bytes.substr(0, item_bytes_max);
  if (rule == rules_.end()) {
    into.failures.push_back(failure_of(kept, "mqtt.topics has no filter for this topic"));
    return;
  }
  if (bytes.size() > published_bytes_max) {
    into.failures.push_back(
        failure_of(kept, "the message has more than " + std::to_string(published_bytes_max) + " bytes"));
    return;
  }
  options_.received_at = received_at;
  options_.deliverer.clear();
  if (const auto name = named_in(rule->filter, topic)) {
    into.names_deliverer = true;
    Result<std::string> deliverer = checked_id(*name);
    if (!deliverer) {
      into.failures.push_back(failure_of(kept, "the topic's deliverer is not " + deliverer.error().message));
      return;
    }
    options_.deliverer = *std::move(deliverer);
  }
  if (const Result<void> read = read_form(rule->form, topic, bytes, into); !read) {
    into.locations.clear();
    into.failures.clear();
    into.words.clear();
    into.failures.push_back(failure_of(kept, read.error().message));
  }
}

Result<void> TopicReader::read_form(TopicForm form, std::string_view topic, std::string_view bytes, Published& into) {
  Gathering gathering(into);
  switch (form) {
    case TopicForm::waybill: return parser_.locations(bytes, BodyForm::json, options_, gathering);
    case TopicForm::first_system: {
      TRY_LET(auto item, parser_.first_system(bytes, options_));
      if (auto* location = std::get_if<Location>(&item))
        gathering.take(*location);
      else
        gathering.take(std::get<ItemFailure>(std::move(item)));
      return {};
    }
    case TopicForm::owntracks: {
      const auto named = sender_of_topic(topic);
      const PhoneSender sender{.user = options_.deliverer.empty() && named ? named->user : options_.deliverer,
                               .device = named ? named->device : std::string()};
      return phone_parser_.owntracks(bytes, sender, options_, gathering);
    }
  }
  return {};
}

}  // namespace waybill::wire

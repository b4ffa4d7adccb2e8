// wire/topic_in.h — what phones publish to MQTT topics, to locations: whose they are is said by the topic, where it names somebody.
//
// A broker's rules vouch for who may publish to which topic, and for no body: so what stands in the topic where the filter has its
// first `+` is the deliverer, whatever the body says.
// Threads: a reader belongs to one thread at a time; it keeps its buffers from message to message.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json_in.h"
#include "wire/phones/phone_in.h"

namespace waybill::wire {

// waybill: our own JSON, an object or an array of them; first_system: that system's object, once or twice encoded; owntracks: what
// its app publishes, encrypted or not.
enum class TopicForm : uint8_t { waybill, first_system, owntracks };
inline constexpr size_t topic_forms = 3;
std::string_view to_string(TopicForm form);

// A filter of MQTT's, with + for one level and # for the rest, and the form of what is published there.
struct TopicRule {
  std::string filter;
  TopicForm form = TopicForm::waybill;

  bool operator==(const TopicRule&) const = default;
};

// "waybill/+=waybill, test/deliverer_data=first_system"; nothing where it is not so.
std::optional<std::vector<TopicRule>> parse_topic_rules(std::string_view text);
std::string to_text(const std::vector<TopicRule>& rules);

std::vector<TopicRule> usual_topics();  // where nobody says otherwise

bool is_topic_filter(std::string_view filter);
bool covers(std::string_view filter, std::string_view topic);
// What stands in a topic that it covers where the filter has its first `+`; nothing where it has none.
std::optional<std::string_view> named_in(std::string_view filter, std::string_view topic);

inline constexpr size_t published_bytes_max =
    1 << 20;  // a larger message is a failure as a whole; item_bytes_max of it are kept

// What is quarantined came in by `mqtt <topic>`.
inline constexpr std::string_view topic_source = "mqtt ";

// What one message holds. Neither locations nor failures nor words: it is empty, as one that takes a retained one back.
struct Published {
  std::optional<TopicForm> form;  // nothing: no rule covers the topic
  bool names_deliverer = false;  // the topic does
  std::vector<Location> locations;
  std::vector<ItemFailure> failures;  // each with what it is about, as it came
  std::vector<PhoneWord> words;  // what a phone said of itself
};

class TopicReader {
 public:
  // `passphrases` outlives the reader.
  TopicReader(std::vector<TopicRule> rules, Duration naive_offset, const Passphrases* passphrases = nullptr);

  // The first rule that covers the topic decides. A message of which a part cannot be told from another is a failure as a whole.
  // `into` keeps its memory from message to message.
  void read(std::string_view topic, std::string_view bytes, Time received_at, Published& into);

 private:
  Result<void> read_form(TopicForm form, std::string_view topic, std::string_view bytes, Published& into);

  const std::vector<TopicRule> rules_;
  InputParser parser_;
  PhoneParser phone_parser_;
  InputOptions options_;
};

}  // namespace waybill::wire

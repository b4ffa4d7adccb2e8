#include <array>

#include "base/secret_box.h"
#include "wire/phones/body.h"

namespace waybill::wire {
namespace {

constexpr std::array location_members = {
    Member{.name = "_type", .meaning = Meaning::dropped},
    Member{.name = "_id", .meaning = Meaning::client_id},
    Member{.name = "lat", .meaning = Meaning::latitude},
    Member{.name = "lon", .meaning = Meaning::longitude},
    Member{.name = "tst", .meaning = Meaning::time},
    Member{.name = "acc", .meaning = Meaning::accuracy},
    Member{.name = "alt", .meaning = Meaning::altitude},
    Member{.name = "vel", .meaning = Meaning::speed},
    Member{.name = "cog", .meaning = Meaning::heading},
    Member{.name = "created_at", .meaning = Meaning::sent_at},
    Member{.name = "topic", .meaning = Meaning::topic, .kept = true},
    Member{.name = "tid", .meaning = Meaning::device, .kept = true},
};
constexpr FixRules rules{.speed = kilometres_an_hour, .time_in_client_id = true};

// Of a message that is no location: only who it is from.
constexpr std::array who_members = {
    Member{.name = "topic", .meaning = Meaning::topic},
    Member{.name = "tid", .meaning = Meaning::device},
};

void add_reason(std::string& reasons, std::string_view reason) {
  if (!reasons.empty()) reasons += ", ";
  reasons += reason;
}

// What an Android phone calls 0 is as it should be; an iPhone says it in words.
std::string reason_of_status(std::string_view status) {
  struct Check {
    std::string_view name;
    std::string_view reason;
  };
  constexpr std::array android = {Check{"loc", "location_permission"}, Check{"ps", "power_save"},
                                  Check{"bo", "battery_optimization"}, Check{"hib", "hibernation"}};
  constexpr std::array iphone = {Check{"locationManagerAuthorizationStatus", "location_permission"},
                                 Check{"backgroundRefreshStatus", "background_refresh"}};
  std::string reasons;
  if (const std::string_view told = member_of(status, "android"); is_of(told, JsonKind::object))
    for (const Check& check : android)
      if (const std::string_view value = member_of(told, check.name); is_of(value, JsonKind::number) && value != "0")
        add_reason(reasons, check.reason);
  if (const std::string_view told = member_of(status, "iOS"); is_of(told, JsonKind::object))
    for (const Check& check : iphone)
      if (const std::string value = text_of(member_of(told, check.name));
          !value.empty() && !value.ends_with("AuthorizedAlways") && !value.ends_with("Available"))
        add_reason(reasons, check.reason);
  return reasons;
}

class Messages {
 public:
  Messages(const Passphrases* passphrases, const PhoneSender& sender, const InputOptions& options, PhoneSink& sink)
      : passphrases_(passphrases), sender_(sender), options_(options), sink_(sink) {}

  void take(std::string_view message) {
    const std::string type = text_of(member_of(message, "_type"));
    if (type == "location") return location(message);
    if (type == "encrypted") return encrypted(message);
    if (type.empty()) return hand_failure("_type", "is required", message, sink_);
    PhoneWord word{.kind = PhoneWord::Kind::other, .deliverer = deliverer_of(message), .reason = {}};
    if (type == "status" || type == "lwt") {
      word.kind = PhoneWord::Kind::status;
      word.reason = type == "lwt" ? "connection_lost" : reason_of_status(message);
    }
    sink_.hear(std::move(word));
  }

 private:
  void location(std::string_view message) {
    FixReader fix(rules, sender_, options_);
    const bool read = fix.members(message, location_members);
    hand_over(fix, read, message, sink_);
  }

  // What is inside is read as if it had come itself. Nobody packs twice.
  void encrypted(std::string_view message) {
    const auto refuse = [&](std::string reason) { hand_failure("data", std::move(reason), message, sink_); };
    if (opened_) return refuse("is encrypted within what was encrypted");
    const std::string deliverer = deliverer_of(message);
    const auto passphrase = passphrases_ ? passphrases_->find(deliverer) : Passphrases::const_iterator();
    if (!passphrases_ || passphrase == passphrases_->end())
      return refuse("is encrypted, and there is no passphrase for deliverer " + made_utf8(deliverer));
    const std::optional<std::string> plain = open_secret_box(passphrase->second, text_of(member_of(message, "data")));
    if (!plain) return refuse("cannot be opened with the passphrase of this deliverer");
    JsonChecker checker;
    const std::string_view value = json_trimmed(*plain);
    if (!checker.check(value) || kind_of(value) != JsonKind::object)
      return refuse("holds no JSON object when it is opened");
    opened_ = true;
    take(value);
    opened_ = false;
  }

  std::string deliverer_of(std::string_view message) const {
    FixReader fix({}, sender_, options_);
    for (const Member& member : who_members)
      if (const std::string_view value = member_of(message, member.name); !value.empty()) fix.take_one(member, value);
    return fix.deliverer();
  }

  const Passphrases* const passphrases_;
  const PhoneSender& sender_;
  const InputOptions& options_;
  PhoneSink& sink_;
  bool opened_ = false;  // the message at hand came out of an encrypted one
};

}  // namespace

std::optional<PhoneSender> sender_of_topic(std::string_view topic) {
  constexpr std::string_view base = "owntracks/";
  topic.remove_prefix(topic.starts_with('/') ? 1 : 0);
  if (!topic.starts_with(base)) return std::nullopt;
  topic.remove_prefix(base.size());
  const size_t slash = topic.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  const std::string_view device = topic.substr(slash + 1);
  return PhoneSender{.user = std::string(topic.substr(0, slash)),
                     .device = std::string(device.substr(0, device.find('/')))};
}

Result<void> PhoneParser::owntracks(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                                    PhoneSink& sink) {
  const auto value = checked_body(body, buffers_->checker, sink);
  if (!value) return {};
  Messages messages(buffers_->passphrases, sender, options, sink);
  return each_object(*value, sink, [&](std::string_view message) { messages.take(message); });
}

}  // namespace waybill::wire

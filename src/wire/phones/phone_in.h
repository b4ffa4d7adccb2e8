// wire/phones/phone_in.h — what couriers' phones already send, in their apps' own words, to locations of ours (docs/PHONES.md).
//
// Measurements become SI, degrees and UTC; a negative one that can be none is unknown. What is not ours stays in attributes as
// it was sent; under a name that is ours as sent_<name>.
// Whose a location is: options.deliverer where it is set, whatever the message says; else whom the sender names; else whom
// the message names.
// Failure: a point or a body that makes no sense goes to the sink as an ItemFailure whose `field` is a name of ours, since
//          what is refused is sent again for ever. overloaded: more than items_max of them; nothing of the body counts then.
// Threads: a parser belongs to one thread at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "wire/json_in.h"

namespace waybill::wire {

enum class PhoneApp : uint8_t { owntracks, osmand, overland, transistor, mds };
std::string_view to_string(PhoneApp app);  // also the source of what is quarantined

// Whom the way that a message came names: a topic, a query, a header. Empty where it names nobody.
struct PhoneSender {
  std::string user;  // the deliverer
  std::string device;  // which of its phones

  bool operator==(const PhoneSender&) const = default;
};

// Of an OwnTracks topic: "owntracks/<user>/<device>", with or without "/event", "/status" … behind it.
std::optional<PhoneSender> sender_of_topic(std::string_view topic);

// A message that is no location.
struct PhoneWord {
  enum class Kind : uint8_t {
    heartbeat,  // it lives, and says no position
    status,  // it says how it is
    other,  // cards, waypoints, commands: nothing of ours
  };
  Kind kind = Kind::other;
  std::string deliverer;  // empty where nobody is named
  std::string reason;  // of a status: what keeps it from sending, as "location_permission"; empty: nothing does

  bool operator==(const PhoneWord&) const = default;
};

class PhoneSink : public ItemSink<Location> {
 public:
  virtual void hear(PhoneWord word) = 0;
};

// By deliverer, for OwnTracks' encrypted messages.
using Passphrases = std::map<std::string, std::string, std::less<>>;

inline constexpr size_t phone_parameters_max = 200;  // of a query and a form together; with more they make no sense

using NamedText = std::pair<std::string, std::string>;

class PhoneParser {
 public:
  // `passphrases` outlives the parser.
  explicit PhoneParser(const Passphrases* passphrases = nullptr);
  ~PhoneParser();

  // A message or an array of them; an empty body is none.
  Result<void> owntracks(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                         PhoneSink& sink);
  // Traccar Client up to 8 and from 10 on, OsmAnd, GPSLogger: the parameters of a query and of a form, decoded.
  Result<void> osmand(std::span<const NamedText> parameters, const InputOptions& options, PhoneSink& sink);
  // Traccar Client 9 and what else posts to the same path: an object or an array of them, each flat or with a `location`.
  // `parameters`: of the query; they hold for every object that does not have them itself.
  Result<void> osmand_json(std::string_view body, std::span<const NamedText> parameters, const InputOptions& options,
                           PhoneSink& sink);
  Result<void> overland(std::string_view body, const PhoneSender& sender, const InputOptions& options, PhoneSink& sink);
  Result<void> transistor(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                          PhoneSink& sink);
  Result<void> mds(std::string_view body, const PhoneSender& sender, const InputOptions& options, PhoneSink& sink);

  // Whose form a JSON body has, by what only that one says; nothing where it is none of them, or not JSON.
  std::optional<PhoneApp> app_of(std::string_view body);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace waybill::wire

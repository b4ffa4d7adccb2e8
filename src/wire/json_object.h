// wire/json_object.h — the members of a JSON object by name, of documents that we wrote ourselves; and the seal around such a document.
//
// Threads: values; each belongs to one thread at a time.
// Failure: a member that is missing or of another kind reads as nothing and is remembered: ok() is false from then on, in the
//          object and in all that it was found in. Read first, ask ok() once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace waybill::wire {

class JsonObject {
 public:
  // `text` was checked (JsonChecker) and outlives the object. Anything but an object has no members and is not ok().
  explicit JsonObject(std::string_view text);

  bool has(std::string_view name) const;
  uint64_t number(std::string_view name);
  int64_t integer(std::string_view name);
  std::string text(std::string_view name);
  JsonObject object(std::string_view name);
  std::vector<JsonObject> objects(std::string_view name);  // an array of them
  std::vector<std::string> texts(std::string_view name);  // an array of them
  std::vector<std::pair<std::string, std::string>> all_texts();  // every member; each is a text

  bool ok() const { return *ok_; }

 private:
  JsonObject(std::string_view text, std::shared_ptr<bool> ok);
  std::string_view value(std::string_view name);
  std::string read_text(std::string_view literal);

  std::vector<std::pair<std::string_view, std::string_view>> members_;  // names without quotes
  std::shared_ptr<bool> ok_;  // shared with the object that it was found in
};

// {"crc32c":"<8 hex digits>","<name>":<inside>} and a line feed; the checksum is of the bytes of `inside`, an object's text.
std::string seal(std::string_view name, std::string_view inside);
// What is inside, as it was written. corrupt: it is not, `whose` says whose bytes. The result is within `text`.
Result<std::string_view> unseal(std::string_view text, std::string_view name, std::string_view whose);

}  // namespace waybill::wire

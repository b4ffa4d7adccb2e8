// lake/s3/s3_text.h — what S3 takes and says as text: queries and XML. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lake/objects.h"

namespace waybill::lake {

// Percent-encoded as SigV4 wants it: all but letters, digits, - . _ ~ and, where it is a path, the slash.
enum class Slash { encoded, kept };
std::string percent_encoded(std::string_view text, Slash slash);
// "list-type=2&prefix=raw%2F": sorted, each with '='.
std::string query_text(const std::map<std::string, std::string>& query);

struct S3Error {
  std::string code;  // "SlowDown"; empty where the text is no error of S3
  std::string message;
  std::string server_time;  // of RequestTimeTooSkewed
};
S3Error s3_error(std::string_view xml);

struct S3Page {
  std::vector<ObjectInfo> objects;  // with their whole keys
  std::string next;  // what the next page is asked by; empty: this was the last
};
Result<S3Page> s3_page(std::string_view xml);
Result<std::string> s3_upload_id(std::string_view xml);
// The body that makes one object of its parts, in their order.
std::string s3_parts(const std::vector<std::string>& etags);

// In one line and not endless, as a part of a message.
std::string one_line(std::string_view text);

}  // namespace waybill::lake

// lake/s3/s3_client.h — one request to a bucket, signed, tried again as often as its options say, and what was answered.
//
// Threads: from any; connections are kept and shared.
// Failure: only where there is no answer that counts: overloaded where the store asked for slowness until the end, denied where
//          nobody vouches for its certificate, unavailable for all else. An answer with any status that another try would not change is a value.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lake/s3/s3_objects.h"
#include "lake/s3/s3_text.h"

namespace waybill::lake {

enum class S3Method { get, head, put, post, remove };
enum class Repeat { while_it_may_help, never };

struct S3Request {
  S3Method method = S3Method::get;
  std::string key{};  // with the prefix; empty: the bucket itself
  std::map<std::string, std::string> query{};
  std::vector<std::string> headers{};  // "If-None-Match: *"
  Bytes body{};
  Repeat repeat = Repeat::while_it_may_help;
};

struct S3Answer {
  int status = 0;
  std::string etag{};
  uint64_t content_length = 0;
  std::string body{};
  S3Error error{};  // where it is one
  // An earlier try may have done what was asked for: its answer did not come, or was no answer that says no.
  bool tried_before = false;

  bool ok() const { return status >= 200 && status < 300 && error.code.empty(); }
};

class S3Client {
 public:
  virtual ~S3Client() = default;
  virtual Result<S3Answer> ask(const S3Request& request) const = 0;
};

Result<std::unique_ptr<S3Client>> open_s3_client(const S3Options& options);

// "put" and the like, for messages.
std::string to_string(S3Method method);

}  // namespace waybill::lake

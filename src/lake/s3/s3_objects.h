// lake/s3/s3_objects.h — the lake's objects below a prefix of an S3 bucket, at any endpoint that speaks S3 with SigV4.
//
// Delivery: a put whose answer was lost is tried again; where the store then says that something is there, it is compared
//           with what was put: equal is ours. What is larger than a part is sent in parts and appears with the last step.
// Threads:  all methods from any thread.
// Failure:  as lake/objects.h. What the store or the network may mend is tried again with growing pauses until retry_for is
//           over. unavailable, at once: no such bucket, a clock too far off (the message says so), a stop that is asked for.
//           Neither messages nor the log have secrets in them.
// Limits:   parts_max parts of an object; beyond part_bytes × parts_max its parts get larger. A put that dies between its
//           parts leaves them in the bucket, seen by nobody: a lifecycle rule of the bucket removes them.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "lake/objects.h"

namespace waybill::lake {

inline constexpr uint64_t s3_parts_max = 10'000;
inline constexpr size_t s3_prefix_bytes_max = 100;

struct S3Options {
  enum class Style { path, virtual_host };

  std::string endpoint{};  // "https://s3.eu-central-1.amazonaws.com", "http://127.0.0.1:9000"
  std::string region = "us-east-1";
  std::string bucket{};
  std::string prefix{};  // without slashes around it; may be empty
  std::string access_key{};
  std::string secret_key{};
  std::string session_token{};
  Style style = Style::path;
  std::string ca_file{};  // PEM file of the authorities; empty: the system's
  uint64_t part_bytes = 16 << 20;
  std::chrono::milliseconds connect_timeout{5'000};
  // A transfer that is slower than this for so long is broken off, and tried again.
  uint64_t bytes_per_second_min = 8 << 10;
  std::chrono::seconds slow_for_max{30};
  std::chrono::milliseconds retry_wait_first{100};  // then twice as long each time, up to retry_wait_max
  std::chrono::milliseconds retry_wait_max{5'000};
  std::chrono::milliseconds retry_for{120'000};
  std::stop_token stop{};  // what is under way ends as unavailable
};

// `files`: where put_file() reads.
Result<std::unique_ptr<Objects>> open_s3_objects(S3Options options, Files& files);

}  // namespace waybill::lake

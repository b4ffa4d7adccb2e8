#include "lake/s3/s3_client.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <mutex>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/pause.h"
#include "base/random.h"

namespace waybill::lake {
namespace {

using std::chrono::milliseconds;

struct HandleCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, HandleCloser>;

// Each with the connections that it has open.
class Handles {
 public:
  Handle take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Handle handle = std::move(idle_.back());
        idle_.pop_back();
        return handle;
      }
    }
    return Handle(curl_easy_init());
  }
  void give_back(Handle handle) {
    curl_easy_reset(handle.get());  // options only
    std::lock_guard lock(mutex_);
    if (idle_.size() < idle_max) idle_.push_back(std::move(handle));
  }

 private:
  static constexpr size_t idle_max = 16;
  std::mutex mutex_;
  std::vector<Handle> idle_;
};

std::string sha256_hex(Bytes bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += {"0123456789abcdef"[digest[i] >> 4], "0123456789abcdef"[digest[i] & 15]};
  return hex;
}

// What curl writes into while one request is under way.
struct Exchange {
  S3Answer answer;
  const std::stop_token* stop = nullptr;
  int times_sent = 0;
};

// libcurl sends a request again by itself where a connection that was used before ends without an answer.
int count_sending(void* of, char*, char*, int, int) {
  ++static_cast<Exchange*>(of)->times_sent;
  return CURL_PREREQFUNC_OK;
}

size_t take_body(char* data, size_t, size_t size, void* into) {
  static_cast<Exchange*>(into)->answer.body.append(data, size);
  return size;
}

size_t take_header(char* data, size_t, size_t size, void* into) {
  constexpr std::string_view name = "etag:";
  const std::string_view line(data, size);
  const bool is_etag = line.size() > name.size() &&
                       std::ranges::equal(line.substr(0, name.size()), name, {},
                                          [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (is_etag) {
    const size_t begin = line.find_first_not_of(' ', name.size()), end = line.find_last_not_of(" \r\n");
    if (begin != std::string_view::npos && end != std::string_view::npos && begin <= end)
      static_cast<Exchange*>(into)->answer.etag = line.substr(begin, end - begin + 1);
  }
  return size;
}

int stop_asked(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(of)->stop->stop_requested() ? 1 : 0;
}

struct Attempt {
  CURLcode transport = CURLE_OK;
  std::string said{};  // by curl, where there is no answer
  S3Answer answer{};
  milliseconds retry_after{0};
  int times_sent = 0;

  bool again() const {
    switch (transport) {
      case CURLE_OK: break;
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_PEER_FAILED_VERIFICATION: return false;
      default: return true;
    }
    const std::string& code = answer.error.code;
    return answer.status == 429 || answer.status == 408 || answer.status == 500 || answer.status == 502 ||
           answer.status == 503 || answer.status == 504 || code == "RequestTimeout" || code == "InternalError" ||
           code == "SlowDown" || code == "ConditionalRequestConflict" || code == "OperationAborted";
  }
  bool asks_for_slowness() const {
    return transport == CURLE_OK && (answer.status == 429 || answer.status == 503 || answer.error.code == "SlowDown");
  }
  bool may_have_been_done() const {
    if (transport != CURLE_OK) return transport != CURLE_COULDNT_CONNECT && transport != CURLE_COULDNT_RESOLVE_HOST;
    return answer.status >= 500 || answer.status < 300;
  }
  std::string why() const {
    if (transport != CURLE_OK) return said;
    return std::to_string(answer.status) + " " + answer.error.code + ": " + answer.error.message;
  }
};

class CurlS3Client final : public S3Client {
 public:
  explicit CurlS3Client(const S3Options& options)
      : options_(options),
        signer_("aws:amz:" + options.region + ":s3"),
        base_(base_url(options)),
        random_(random_seed()) {}

  Result<S3Answer> ask(const S3Request& request) const override {
    const auto begin = system_clock().steady();
    bool tried_before = false;
    for (unsigned tries = 1;; ++tries) {
      TRY_LET(Attempt attempt, once(request));
      if (!attempt.again()) {
        if (attempt.transport != CURLE_OK) return give_up(request, attempt, tries);
        attempt.answer.tried_before = tried_before || attempt.times_sent > 1;
        return std::move(attempt.answer);
      }
      tried_before = tried_before || attempt.times_sent > 1 || attempt.may_have_been_done();
      const milliseconds wait = std::max(wait_before(tries + 1), attempt.retry_after);
      if (request.repeat == Repeat::never || options_.stop.stop_requested() ||
          system_clock().steady() - begin + wait > options_.retry_for)
        return give_up(request, attempt, tries);
      pause(wait, options_.stop);
    }
  }

 private:
  static std::string base_url(const S3Options& options) {
    if (options.style == S3Options::Style::path) return options.endpoint + "/" + options.bucket;
    const size_t host = options.endpoint.find("://") + 3;
    return options.endpoint.substr(0, host) + options.bucket + "." + options.endpoint.substr(host);
  }

  std::string url_of(const S3Request& request) const {
    std::string url = base_ + "/" + percent_encoded(request.key, Slash::kept);
    if (request.key.empty() && options_.style == S3Options::Style::path) url.pop_back();
    const std::string query = query_text(request.query);
    return query.empty() ? url : url + "?" + query;
  }

  // Between half of it and all of it, so that many who were told the same do not come back together.
  milliseconds wait_before(unsigned tries) const {
    const unsigned doublings = std::min(tries - 2, 20u);
    const milliseconds most = std::min(options_.retry_wait_max, options_.retry_wait_first * (int64_t{1} << doublings));
    std::lock_guard lock(random_mutex_);
    return most / 2 + milliseconds(random_.below(static_cast<uint64_t>(most.count()) / 2 + 1));
  }

  std::unexpected<Error> give_up(const S3Request& request, const Attempt& attempt, unsigned tries) const {
    Code code = attempt.asks_for_slowness() ? Code::overloaded : Code::unavailable;
    if (attempt.transport == CURLE_PEER_FAILED_VERIFICATION) code = Code::denied;
    return fail(code, to_string(request.method) + " " + request.key + " at " + base_ + ": " + attempt.why() +
                          (tries == 1 ? "" : " (tried " + std::to_string(tries) + " times)"));
  }

  Result<Attempt> once(const S3Request& request) const {
    Handle handle = handles_.take();
    if (!handle) return fail(Code::unavailable, "start libcurl: no memory");
    CURL* const curl = handle.get();
    Exchange exchange{.stop = &options_.stop};
    std::array<char, CURL_ERROR_SIZE> said{};
    const std::unique_ptr<curl_slist, ListCloser> headers = headers_of(request);
    curl_easy_setopt(curl, CURLOPT_URL, url_of(request).c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said.data());
    set_ways(curl);
    set_body(curl, request, exchange);

    Attempt attempt{.transport = curl_easy_perform(curl)};
    attempt.times_sent = exchange.times_sent;
    if (attempt.transport != CURLE_OK) {
      attempt.said = one_line(said[0] != '\0' ? said.data() : curl_easy_strerror(attempt.transport));
    } else {
      attempt.answer = std::move(exchange.answer);
      take_facts(curl, request, attempt);
    }
    handles_.give_back(std::move(handle));
    return attempt;
  }

  // All of them are signed. An empty one ("Expect:") would be signed too but not sent, so there is none.
  std::unique_ptr<curl_slist, ListCloser> headers_of(const S3Request& request) const {
    std::unique_ptr<curl_slist, ListCloser> headers;
    const auto add = [&](const std::string& line) {
      headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    add("x-amz-content-sha256: " + sha256_hex(request.body));
    if (!options_.session_token.empty()) add("x-amz-security-token: " + options_.session_token);
    if (request.method == S3Method::post) add("Content-Type: application/xml");
    if (request.method == S3Method::put) add("Content-Type: application/octet-stream");
    for (const std::string& line : request.headers) add(line);
    return headers;
  }

  void set_ways(CURL* curl) const {
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signer_.c_str());
    curl_easy_setopt(curl, CURLOPT_USERNAME, options_.access_key.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.secret_key.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);  // it is signed as it is
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options_.bytes_per_second_min));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.slow_for_max.count()));
    if (!options_.ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
      curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // else the system's authorities are trusted beside them
    }
  }

  static void set_body(CURL* curl, const S3Request& request, Exchange& exchange) {
    switch (request.method) {
      case S3Method::get: break;
      case S3Method::head: curl_easy_setopt(curl, CURLOPT_NOBODY, 1L); break;
      case S3Method::remove: curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE"); break;
      case S3Method::put: curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT"); [[fallthrough]];
      case S3Method::post:
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.empty() ? "" : as_text(request.body).data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        break;
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, count_sending);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, &exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_asked);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  }

  static void take_facts(CURL* curl, const S3Request& request, Attempt& attempt) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    attempt.answer.status = static_cast<int>(status);
    curl_off_t length = 0, after_s = 0;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    attempt.answer.content_length = static_cast<uint64_t>(std::max<curl_off_t>(length, 0));
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after_s);
    attempt.retry_after = std::chrono::seconds(after_s);
    // The end of an upload in parts can be an error although its status was sent before it was known.
    if (!attempt.answer.ok() || request.method == S3Method::post) attempt.answer.error = s3_error(attempt.answer.body);
  }

  const S3Options options_;
  const std::string signer_;
  const std::string base_;
  mutable Handles handles_;
  mutable std::mutex random_mutex_;
  mutable Random random_;
};

}  // namespace

std::string to_string(S3Method method) {
  switch (method) {
    case S3Method::get: return "get";
    case S3Method::head: return "look at";
    case S3Method::put: return "put";
    case S3Method::post: return "put in parts";
    case S3Method::remove: return "remove";
  }
  return "";
}

Result<std::unique_ptr<S3Client>> open_s3_client(const S3Options& options) {
  static std::once_flag once;
  static CURLcode started = CURLE_OK;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (started != CURLE_OK) return fail(Code::unavailable, std::string("start libcurl: ") + curl_easy_strerror(started));
  return std::make_unique<CurlS3Client>(options);
}

}  // namespace waybill::lake

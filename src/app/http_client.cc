#include "app/http_client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>

#include <curl/curl.h>
#include <sys/socket.h>

namespace waybill::app {
namespace {

struct HandleCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

size_t take_body(char* data, size_t, size_t size, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size > answer_bytes_max) return 0;  // curl ends the transfer with an error
  body.append(data, size);
  return size;
}

size_t take_header(char* data, size_t, size_t size, void* into) {
  auto& headers = *static_cast<std::map<std::string, std::string>*>(into);
  std::string_view line(data, size);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  headers[std::move(name)] = std::string(value);
  return size;
}

struct Door {
  const notify::AddressRule* addresses = nullptr;
  bool refused = false;
};

curl_socket_t open_socket(void* of, curlsocktype, curl_sockaddr* to) {
  auto& door = *static_cast<Door*>(of);
  const auto address = notify::address_of(to->addr);
  if (!address || !door.addresses->allows(*address)) {
    door.refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

int stop_asked(void* token, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::stop_token*>(token)->stop_requested() ? 1 : 0;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpOptions options, std::unique_ptr<CURL, HandleCloser> handle)
      : options_(std::move(options)), handle_(std::move(handle)) {
    while (options_.url.ends_with('/')) options_.url.pop_back();
  }

  Result<HttpAnswer> get(const HttpRequest& request) override { return perform(request, Method::get); }
  Result<HttpAnswer> post(const HttpRequest& request) override { return perform(request, Method::post); }
  Result<HttpAnswer> put(const HttpRequest& request) override { return perform(request, Method::put); }
  Result<HttpAnswer> remove(const HttpRequest& request) override { return perform(request, Method::remove); }

 private:
  enum class Method { get, post, put, remove };

  Result<HttpAnswer> perform(const HttpRequest& request, Method method) {
    CURL* curl = handle_.get();
    curl_easy_reset(curl);  // options only: the connection stays
    HttpAnswer answer;
    const std::string url = options_.url + std::string(request.path);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (options_.trust.whom == Trust::Whom::anybody) {
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options_.trust.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.trust.ca_file.c_str());
    std::array<char, CURL_ERROR_SIZE> said{};
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said.data());
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
    Door door{.addresses = options_.addresses};
    if (door.addresses != nullptr) {
      curl_easy_setopt(curl, CURLOPT_PROXY, "");
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
      curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &door);
    }
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.answer_timeout.count()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer.headers);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_asked);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &options_.stop);
    if (method == Method::put) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    if (method == Method::remove) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    if (method == Method::post || method == Method::put) {
      curl_easy_setopt(curl, CURLOPT_POST, 1L);
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data() == nullptr ? "" : request.body.data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    std::unique_ptr<curl_slist, ListCloser> headers;
    auto add = [&](const std::string& line) { headers.reset(curl_slist_append(headers.release(), line.c_str())); };
    add("Expect:");  // no 100-continue: it costs a round trip
    if (!options_.bearer.empty()) add("Authorization: Bearer " + options_.bearer);
    for (const std::string& line : request.headers) add(line);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());

    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK && door.refused)
      return fail(Code::denied, url + ": its address is not on the public internet, and no setting allows it");
    if (code != CURLE_OK) return refuse(code, url, said.data());
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_off_t took_us = 0;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
    answer.status = static_cast<int>(status);
    answer.latency = std::chrono::microseconds(took_us);
    return answer;
  }

  static std::unexpected<Error> refuse(CURLcode code, const std::string& url, std::string_view said) {
    Code what = Code::unavailable;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_CACERT_BADFILE)
      what = Code::invalid;
    if (code == CURLE_PEER_FAILED_VERIFICATION) what = Code::denied;
    return fail(what, url + ": " + (said.empty() ? curl_easy_strerror(code) : std::string(said)));
  }

  HttpOptions options_;
  std::unique_ptr<CURL, HandleCloser> handle_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> open_http_client(HttpOptions options) {
  static std::once_flag once;
  static CURLcode started = CURLE_OK;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (started != CURLE_OK) return fail(Code::unavailable, std::string("start libcurl: ") + curl_easy_strerror(started));
  if (!options.url.starts_with("http://") && !options.url.starts_with("https://"))
    return fail(Code::invalid, "url " + options.url + ": must begin with http:// or https://");
  std::unique_ptr<CURL, HandleCloser> handle(curl_easy_init());
  if (!handle) return fail(Code::unavailable, "start libcurl: no memory");
  return std::make_unique<CurlClient>(std::move(options), std::move(handle));
}

Verdict verdict_of(int status) {
  if (status >= 200 && status < 300) return Verdict::taken;
  if (status == 400 || status == 413 || status == 422) return Verdict::refused;
  if (status == 408 || status == 429 || status >= 500) return Verdict::retry;
  return Verdict::barred;
}

std::chrono::milliseconds retry_wait(unsigned attempt, const HttpAnswer* answer) {
  if (answer != nullptr) {
    if (const auto found = answer->headers.find("retry-after"); found != answer->headers.end()) {
      unsigned seconds = 0;
      const std::string& text = found->second;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (error == std::errc() && end == text.data() + text.size())
        return std::min(retry_wait_max, std::chrono::milliseconds(uint64_t{seconds} * 1000));
    }
  }
  const unsigned doublings = std::min(attempt == 0 ? 0u : attempt - 1, 10u);
  return std::min(retry_wait_max, std::chrono::milliseconds(100u << doublings));
}

}  // namespace waybill::app

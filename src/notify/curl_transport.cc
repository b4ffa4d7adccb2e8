#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <mutex>

#include "domain/hook.h"
#include "notify/transport.h"

namespace waybill::notify {
namespace {

struct EasyCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiCloser {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct UrlCloser {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

Result<void> start_curl() {
  static std::once_flag once;
  static CURLcode started = CURLE_OK;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (started != CURLE_OK) return fail(Code::unavailable, std::string("start libcurl: ") + curl_easy_strerror(started));
  return {};
}

struct Flight {
  Outgoing outgoing;
  const AddressRule* addresses = nullptr;
  std::unique_ptr<CURL, EasyCloser> handle;
  std::unique_ptr<curl_slist, ListCloser> headers;
  std::array<char, CURL_ERROR_SIZE> said{};
  size_t answered_bytes = 0;
  bool refused = false;  // by the address rule
};

// The address of the very connection: a name that means another one the second time does not get past it.
curl_socket_t open_socket(void* of, curlsocktype, curl_sockaddr* to) {
  auto& flight = *static_cast<Flight*>(of);
  const auto address = notify::address_of(to->addr);
  if (!address || !flight.addresses->allows(*address)) {
    flight.refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

size_t pass_body(char*, size_t, size_t size, void* of) {
  auto& flight = *static_cast<Flight*>(of);
  flight.answered_bytes += size;
  return flight.answered_bytes > answer_bytes_max ? 0 : size;
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(CurlOptions options, std::unique_ptr<CURLM, MultiCloser> multi)
      : options_(std::move(options)), multi_(std::move(multi)) {
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max);
  }
  ~CurlTransport() override {
    for (auto& [handle, flight] : flights_) curl_multi_remove_handle(multi_.get(), handle);
  }

  void send(Outgoing outgoing) override {
    auto flight = std::make_unique<Flight>();
    flight->outgoing = std::move(outgoing);
    flight->addresses = &options_.addresses;
    flight->handle.reset(curl_easy_init());
    CURL* const curl = flight->handle.get();
    prepare(curl, *flight);
    const uint64_t ticket = flight->outgoing.ticket;
    const CURLMcode added = curl_multi_add_handle(multi_.get(), curl);
    if (added == CURLM_OK)
      flights_.emplace(curl, std::move(flight));
    else
      answers_.push_back({.ticket = ticket, .error = curl_multi_strerror(added)});
  }

  std::vector<Answer> wait(std::chrono::milliseconds most) override {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    take_finished();
    if (answers_.empty()) {
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(most.count()), nullptr);
      curl_multi_perform(multi_.get(), &running);
      take_finished();
    }
    return std::exchange(answers_, {});
  }

  void wake() override { curl_multi_wakeup(multi_.get()); }

 private:
  void prepare(CURL* curl, Flight& flight) const {
    const Outgoing& outgoing = flight.outgoing;
    for (const std::string& line : outgoing.headers)
      flight.headers.reset(curl_slist_append(flight.headers.release(), line.c_str()));
    flight.headers.reset(curl_slist_append(flight.headers.release(), "Expect:"));
    curl_easy_setopt(curl, CURLOPT_URL, outgoing.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
    if (!options_.ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, options_.ca_file.c_str());
      curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);  // else the system's folder of authorities is trusted beside it
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, flight.headers.get());
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, outgoing.body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(outgoing.body.size()));
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &flight);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, pass_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &flight);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, flight.said.data());
  }

  void take_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode result = message->data.result;
      const auto found = flights_.find(message->easy_handle);
      answers_.push_back(answer_of(*found->second, result));
      curl_multi_remove_handle(multi_.get(), found->first);
      flights_.erase(found);
    }
  }

  static Answer answer_of(const Flight& flight, CURLcode result) {
    Answer answer{.ticket = flight.outgoing.ticket};
    curl_off_t took_us = 0;
    curl_easy_getinfo(flight.handle.get(), CURLINFO_TOTAL_TIME_T, &took_us);
    answer.took = std::chrono::milliseconds(took_us / 1000);
    if (result != CURLE_OK) {
      answer.error = flight.said[0] != '\0' ? flight.said.data() : curl_easy_strerror(result);
      if (flight.refused) answer.error = "the address is not on the public internet, and notify.allow does not name it";
      return answer;
    }
    long status = 0;
    curl_easy_getinfo(flight.handle.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    curl_off_t after = 0;
    curl_easy_getinfo(flight.handle.get(), CURLINFO_RETRY_AFTER, &after);
    if (after > 0) answer.retry_after = std::chrono::seconds(after);
    return answer;
  }

  const CurlOptions options_;
  std::unique_ptr<CURLM, MultiCloser> multi_;
  std::map<CURL*, std::unique_ptr<Flight>> flights_;
  std::vector<Answer> answers_;
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

Result<void> check_hook_url(const std::string& url, const AddressRule& addresses) {
  if (url.size() > hook_url_bytes_max)
    return fail(Code::invalid, "url: expected at most " + std::to_string(hook_url_bytes_max) + " bytes");
  const std::unique_ptr<CURLU, UrlCloser> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return fail(Code::invalid, "url: expected a URL, as https://shop.example/waybill");
  const std::string scheme = part_of(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return fail(Code::invalid, "url: expected http:// or https://");
  if (!part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty())
    return fail(Code::invalid, "url: expected no name or password in it: requests are signed");
  std::string host = part_of(parsed.get(), CURLUPART_HOST);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  std::array<uint8_t, 16> bytes{};
  std::optional<Address> address;
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1)
    address = notify::address_of(std::span(bytes).first(4));
  else if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1)
    address = notify::address_of(bytes);
  if (address && !addresses.allows(*address))
    return fail(Code::invalid, "url: expected an address on the public internet, or one that notify.allow names");
  return {};
}

Result<std::unique_ptr<Transport>> open_curl_transport(CurlOptions options) {
  TRY(start_curl());
  std::unique_ptr<CURLM, MultiCloser> multi(curl_multi_init());
  if (!multi) return fail(Code::unavailable, "start libcurl: no memory");
  return std::make_unique<CurlTransport>(std::move(options), std::move(multi));
}

}  // namespace waybill::notify

#include "serve/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <utility>

#include "base/file_stamp.h"
#include "base/guarded.h"
#include "base/log.h"

namespace waybill::serve {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// What OpenSSL says about the failure before, and nothing left of it for the next.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string said = text ? text : "no reason given";
  ERR_clear_error();
  return said;
}

// The answer to "which password?": none. OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) { return -1; }

// ---- the context: what all streams of one certificate share

constexpr std::string_view http_1_1{"\x08http/1.1", 9};

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_length, const unsigned char* offered,
                    unsigned offered_length, void*) {
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, chosen_length, reinterpret_cast<const unsigned char*>(http_1_1.data()),
                            static_cast<unsigned>(http_1_1.size()), offered, offered_length);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<Owned<SSL_CTX>> make_context() {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(Code::unavailable, "make a TLS context: " + reason());
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // A request carries its own length, so that an end without close_notify cannot cut one short.
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(raw, 1);  // one read from the socket for a record, not two
  // Tickets carry the sessions; a cache of them here would be memory for each client.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // TLS 1.2: forward secret and authenticated only. TLS 1.3 has no others.
  const bool taken = SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
                     SSL_CTX_set1_groups_list(raw, "X25519:P-256:P-384") == 1;
  if (!taken) return fail(Code::unavailable, "choose ciphers: " + reason());
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  return context;
}

Owned<BIO> pem_of(const std::string& content) {
  return Owned<BIO>(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

Time ends_at(const X509& certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &parts) != 1) return {};
  using namespace std::chrono;
  const year_month_day day{year(parts.tm_year + 1900), month(static_cast<unsigned>(parts.tm_mon + 1)),
                           std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  return sys_days(day) + hours(parts.tm_hour) + minutes(parts.tm_min) + seconds(parts.tm_sec);
}

// The server's certificate first, then those between it and its issuer.
Result<Time> take_chain(SSL_CTX& context, const std::string& path, const std::string& content) {
  const Owned<BIO> pem = pem_of(content);
  const Owned<X509> first(PEM_read_bio_X509_AUX(pem.get(), nullptr, no_password, nullptr));
  if (!first) return fail(Code::invalid, path + ": no certificate in PEM form: " + reason());
  if (SSL_CTX_use_certificate(&context, first.get()) != 1)
    return fail(Code::invalid, path + ": cannot be a server's certificate: " + reason());
  for (;;) {
    Owned<X509> next(PEM_read_bio_X509(pem.get(), nullptr, no_password, nullptr));
    if (!next) {
      const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      const std::string why = reason();
      if (at_the_end) return ends_at(*first);
      return fail(Code::invalid, path + ": a certificate of the chain: " + why);
    }
    if (SSL_CTX_add0_chain_cert(&context, next.get()) != 1)
      return fail(Code::invalid, path + ": a certificate of the chain: " + reason());
    (void)next.release();  // the context's now
  }
}

Result<void> take_key(SSL_CTX& context, const std::string& path, const std::string& content) {
  const Owned<BIO> pem = pem_of(content);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(pem.get(), nullptr, no_password, nullptr));
  if (!key) return fail(Code::invalid, path + ": no private key in PEM form without a password: " + reason());
  if (SSL_CTX_use_PrivateKey(&context, key.get()) != 1)
    return fail(Code::invalid, path + ": not the key of the certificate: " + reason());
  return {};
}

struct Loaded {
  Owned<SSL_CTX> context;
  Time ends;
};

Result<Loaded> load(const TlsOptions& options, Files& files) {
  TRY_LET(const FileStamp key_file, file_stamp(options.key));
  if (key_file.open_to_others())
    return fail(Code::denied, options.key + ": others than its owner may read this key; chmod 600 it");
  TRY_LET(const std::string chain, read_file(files, options.certificate));
  TRY_LET(std::string key, read_file(files, options.key));
  TRY_LET(Owned<SSL_CTX> context, make_context());
  TRY_LET(const Time ends, take_chain(*context, options.certificate, chain));
  const Result<void> took = take_key(*context, options.key, key);
  OPENSSL_cleanse(key.data(), key.size());
  TRY(took);
  return Loaded{.context = std::move(context), .ends = ends};
}

// ---- the certificate in use

using Stamps = std::array<FileStamp, 2>;

class FileTls final : public Tls {
 public:
  FileTls(TlsOptions options, Files& files, Clock& clock, Metrics& metrics)
      : options_(std::move(options)),
        files_(files),
        clock_(clock),
        ends_(metrics.gauge("waybill_tls_certificate_expiry_timestamp_seconds",
                            "when the certificate in use ends, in seconds since 1970")),
        failed_(metrics.counter("waybill_tls_reload_failed_total",
                                "certificates and keys that were not taken; the ones before stay in use")) {}

  // The first time: nothing is in use that could stay.
  Result<void> start() {
    return state_.with([this](State& state) { return take(state); });
  }

  std::unique_ptr<TlsStream> stream(int socket) override {
    // SSL_new keeps the context for as long as the stream lives.
    SSL* ssl = state_.with([](State& state) { return SSL_new(state.context.get()); });
    if (!ssl) return nullptr;
    auto stream = std::make_unique<TlsStream>(ssl);
    if (SSL_set_fd(ssl, socket) != 1) return nullptr;
    SSL_set_accept_state(ssl);
    return stream;
  }

  Result<void> reload() override {
    return state_.with([this](State& state) { return take_or_stay(state); });
  }

  Result<bool> reload_if_changed() override {
    return state_.with([this](State& state) -> Result<bool> {
      const Stamps found = stamps();
      const bool settled = found == std::exchange(state.seen, found);
      if (found == state.tried || !settled) return false;
      TRY(take_or_stay(state));
      return true;
    });
  }

 private:
  struct State {
    Owned<SSL_CTX> context;
    Stamps tried;  // of the files that were read last, whatever came of it
    Stamps seen;  // at the last look
  };

  // A file that is not there counts as one that is empty.
  Stamps stamps() const {
    return {file_stamp(options_.certificate).value_or(FileStamp{}), file_stamp(options_.key).value_or(FileStamp{})};
  }

  Result<void> take(State& state) {
    state.tried = state.seen = stamps();
    TRY_LET(Loaded loaded, load(options_, files_));
    state.context = std::move(loaded.context);
    const auto ends_s = std::chrono::floor<std::chrono::seconds>(loaded.ends).time_since_epoch().count();
    const auto days = std::chrono::floor<std::chrono::days>(loaded.ends - clock_.now()).count();
    ends_.set(static_cast<double>(ends_s));
    if (loaded.ends <= clock_.now())
      log::warning("the certificate has ended; clients will refuse it", {{"certificate", options_.certificate}});
    else
      log::info("certificate read", {{"certificate", options_.certificate}, {"days_left", days}});
    return {};
  }

  Result<void> take_or_stay(State& state) {
    const Result<void> taken = take(state);
    if (taken) return {};
    failed_.add();
    log::error("the certificate is not taken; the one before stays in use", {{"why", taken.error().message}});
    return taken;
  }

  const TlsOptions options_;
  Files& files_;
  Clock& clock_;
  Gauge& ends_;
  Counter& failed_;
  Guarded<State> state_;
};

}  // namespace

// ---- TlsStream

void TlsStream::Closer::operator()(ssl_st* ssl) const { SSL_free(ssl); }

IoStep TlsStream::after(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return {.next = IoNext::done};
    case SSL_ERROR_WANT_READ: return {.next = IoNext::when_readable};
    case SSL_ERROR_WANT_WRITE: return {.next = IoNext::when_writable};
    case SSL_ERROR_ZERO_RETURN: return {.next = IoNext::peer_finished};
    case SSL_ERROR_SSL:
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) return {.next = IoNext::plain_http};
      return {.next = IoNext::failed};
    default: return {.next = IoNext::failed};
  }
}

IoStep TlsStream::shake_hands() {
  ERR_clear_error();
  return after(SSL_do_handshake(ssl_.get()));
}

IoStep TlsStream::read(std::span<char> into) {
  size_t given = 0;
  do {
    ERR_clear_error();
    size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + given, into.size() - given, &bytes);
    given += bytes;
    if (result == 1) continue;
    const IoStep step = after(result);
    if (given == 0) return step;
    ended_ = step.next != IoNext::when_readable && step.next != IoNext::when_writable;
    break;
  } while (given < into.size() && SSL_has_pending(ssl_.get()) == 1);
  return {.next = IoNext::done, .bytes = given};
}

IoStep TlsStream::write(std::string_view bytes) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    ERR_clear_error();
    size_t now = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data() + taken, bytes.size() - taken, &now);
    taken += now;
    if (result != 1) return {.next = after(result).next, .bytes = taken};
  }
  return {.next = IoNext::done, .bytes = taken};
}

bool TlsStream::may_read() const { return ended_ || SSL_has_pending(ssl_.get()) == 1; }

bool TlsStream::heard_something() const { return BIO_number_read(SSL_get_rbio(ssl_.get())) > 0; }

void TlsStream::say_goodbye() {
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// ---- open

Result<std::unique_ptr<Tls>> open_tls(TlsOptions options, Files& files, Clock& clock, Metrics& metrics) {
  auto tls = std::make_unique<FileTls>(std::move(options), files, clock, metrics);
  if (auto started = tls->start(); !started) return fail_in("open TLS", started.error());
  return tls;
}

}  // namespace waybill::serve

// TLS over a pair of sockets in this process, with certificates made here; what its clients meet is in tests/e2e/test_tls.py.
#include "serve/tls.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <functional>

#include "serve/certificate_for_tests.h"

namespace waybill::serve {
namespace {

const Time now = at_us(1'705'309'200'000'000);

template <auto free_it>
struct Free {
  void operator()(auto* owned) const { free_it(owned); }
};
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Free<SSL_free>>;

std::string pem(const std::function<int(BIO*)>& write) {
  std::unique_ptr<BIO, Free<BIO_free_all>> memory(BIO_new(BIO_s_mem()));
  EXPECT_EQ(write(memory.get()), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

Pair make_pair_of(long serial, time_t ends_s) {
  std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  std::unique_ptr<X509, Free<X509_free>> certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), 0);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), ends_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("waybill"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return {.certificate = pem([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); }),
          .key = pem(
              [&](BIO* to) { return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

namespace {

// A client that does not look at who it talks to.
class Client {
 public:
  explicit Client(int socket) : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_.get())) {
    SSL_set_fd(ssl_.get(), socket);
    SSL_set_connect_state(ssl_.get());
  }
  SSL* get() { return ssl_.get(); }
  long serial() {
    std::unique_ptr<X509, Free<X509_free>> shown(SSL_get1_peer_certificate(ssl_.get()));
    return ASN1_INTEGER_get(X509_get0_serialNumber(shown.get()));
  }

 private:
  Context context_;
  Session ssl_;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::string pattern = (std::filesystem::temp_directory_path() / "waybill-tls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    put(make_pair_of(1, 2'000'000'000));
  }
  ~TlsTest() override {
    for (const int socket : sockets_) ::close(socket);
    std::filesystem::remove_all(folder_);
  }

  void put_file(const std::string& name, const std::string& content, mode_t mode) {
    const std::string path = join_path(folder_, name);
    ASSERT_TRUE(write_file_atomically(system_files(), path, content));
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  void put(const Pair& pair) {
    put_file("cert.pem", pair.certificate, 0644);
    put_file("key.pem", pair.key, 0600);
  }
  TlsOptions options() const { return {join_path(folder_, "cert.pem"), join_path(folder_, "key.pem")}; }
  Result<std::unique_ptr<Tls>> open() { return open_tls(options(), system_files(), clock_, *metrics_); }
  uint64_t failures() { return metrics_->counter("waybill_tls_reload_failed_total", "").value(); }

  // Both ends of a connection that does not block.
  std::array<int, 2> connect() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    sockets_.insert(sockets_.end(), ends.begin(), ends.end());
    return ends;
  }
  static void shake_hands(TlsStream& server, Client& client) {
    IoNext next = IoNext::when_readable;
    for (int turn = 0; turn < 10 && (next != IoNext::done || !SSL_is_init_finished(client.get())); ++turn) {
      SSL_do_handshake(client.get());
      if (next != IoNext::done) next = server.shake_hands().next;
    }
    ASSERT_EQ(next, IoNext::done);
  }
  long served_by(Tls& tls) {
    const auto ends = connect();
    const auto server = tls.stream(ends[0]);
    Client client(ends[1]);
    shake_hands(*server, client);
    return client.serial();
  }

  std::string folder_;
  std::vector<int> sockets_;
  ManualClock clock_{now};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
};

TEST_F(TlsTest, says_when_the_certificate_ends) {
  ASSERT_TRUE(open());
  EXPECT_EQ(metrics_->gauge("waybill_tls_certificate_expiry_timestamp_seconds", "").value(), 2'000'000'000);
}

TEST_F(TlsTest, takes_the_chain_behind_the_certificate_and_refuses_a_broken_one) {
  const Pair one = make_pair_of(5, 2'000'000'000);
  const Pair other = make_pair_of(6, 2'000'000'000);
  put({.certificate = one.certificate + "\nin between\n" + other.certificate, .key = one.key});
  EXPECT_EQ(served_by(**open()), 5);
  put({.certificate = one.certificate + "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", .key = one.key});
  EXPECT_EQ(open().error().code, Code::invalid);
}

TEST_F(TlsTest, refuses_what_cannot_be_served_and_says_which_file) {
  const Pair good = make_pair_of(1, 2'000'000'000);
  const auto refused = [&](const Pair& pair, std::string_view file) {
    put(pair);
    const auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::invalid) << opened.error().message;
    EXPECT_NE(opened.error().message.find(file), std::string::npos) << opened.error().message;
  };
  refused({.certificate = "", .key = good.key}, "cert.pem");
  refused({.certificate = good.key, .key = good.key}, "cert.pem");
  refused({.certificate = good.certificate, .key = ""}, "key.pem");
  refused({.certificate = good.certificate, .key = good.certificate}, "key.pem");
  refused({.certificate = good.certificate, .key = make_pair_of(2, 2'000'000'000).key}, "key.pem");
}

TEST_F(TlsTest, refuses_a_key_with_a_password_instead_of_asking_for_it) {
  std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  put_file("key.pem", pem([&](BIO* to) {
             const unsigned char password[] = "open";
             return PEM_write_bio_PrivateKey(to, key.get(), EVP_aes_128_cbc(), password, 4, nullptr, nullptr);
           }),
           0600);
  EXPECT_EQ(open().error().code, Code::invalid);
}

TEST_F(TlsTest, refuses_a_key_that_others_may_read) {
  for (const mode_t mode : {0640, 0604, 0660}) {
    ASSERT_EQ(::chmod(options().key.c_str(), mode), 0);
    EXPECT_EQ(open().error().code, Code::denied) << mode;
  }
  ASSERT_EQ(::chmod(options().key.c_str(), 0400), 0);
  EXPECT_TRUE(open());
}

TEST_F(TlsTest, shows_the_new_certificate_after_a_reload_and_lets_old_connections_go_on) {
  const auto tls = std::move(*open());
  const auto ends = connect();
  const auto server = tls->stream(ends[0]);
  Client client(ends[1]);
  shake_hands(*server, client);

  put(make_pair_of(2, 2'100'000'000));
  EXPECT_EQ(served_by(*tls), 1);
  ASSERT_TRUE(tls->reload());
  EXPECT_EQ(served_by(*tls), 2);
  EXPECT_EQ(metrics_->gauge("waybill_tls_certificate_expiry_timestamp_seconds", "").value(), 2'100'000'000);

  ASSERT_EQ(SSL_write(client.get(), "still here", 10), 10);
  std::array<char, 64> room{};
  const IoStep step = server->read(room);
  EXPECT_EQ(std::string_view(room.data(), step.bytes), "still here");
}

TEST_F(TlsTest, keeps_the_old_certificate_and_counts_when_a_reload_fails) {
  const auto tls = std::move(*open());
  put_file("key.pem", "nothing", 0600);
  EXPECT_EQ(tls->reload().error().code, Code::invalid);
  EXPECT_EQ(failures(), 1u);
  EXPECT_EQ(served_by(*tls), 1);
  ASSERT_TRUE(std::filesystem::remove(options().key));
  EXPECT_EQ(tls->reload().error().code, Code::not_found);
  EXPECT_EQ(failures(), 2u);
  EXPECT_EQ(served_by(*tls), 1);
}

TEST_F(TlsTest, takes_replaced_files_by_itself_once_they_rest) {
  const auto tls = std::move(*open());
  EXPECT_FALSE(*tls->reload_if_changed());
  const Pair next = make_pair_of(2, 2'000'000'000);
  put_file("cert.pem", next.certificate, 0644);
  EXPECT_FALSE(*tls->reload_if_changed()) << "changed since the last look";
  put_file("key.pem", next.key, 0600);
  EXPECT_FALSE(*tls->reload_if_changed()) << "changed since the last look";
  EXPECT_EQ(served_by(*tls), 1);
  EXPECT_TRUE(*tls->reload_if_changed());
  EXPECT_EQ(served_by(*tls), 2);
  EXPECT_FALSE(*tls->reload_if_changed()) << "nothing new";
  EXPECT_EQ(failures(), 0u) << "the time between the two files is no failure";
}

TEST_F(TlsTest, tries_a_bad_file_once_and_not_at_every_look) {
  const auto tls = std::move(*open());
  put_file("cert.pem", "nothing", 0644);
  EXPECT_FALSE(*tls->reload_if_changed());
  EXPECT_FALSE(tls->reload_if_changed());
  for (int look = 0; look < 3; ++look) EXPECT_FALSE(*tls->reload_if_changed());
  EXPECT_EQ(failures(), 1u);
}

TEST_F(TlsTest, tells_plain_http_and_junk_from_a_handshake) {
  const auto tls = std::move(*open());
  const auto said = [&](std::string_view bytes) {
    const auto ends = connect();
    const auto server = tls->stream(ends[0]);
    EXPECT_EQ(server->shake_hands().next, IoNext::when_readable);
    EXPECT_FALSE(server->heard_something());
    EXPECT_EQ(::write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    const IoNext next = server->shake_hands().next;
    EXPECT_TRUE(server->heard_something());
    return next;
  };
  EXPECT_EQ(said("GET / HTTP/1.1\r\n\r\n"), IoNext::plain_http);
  EXPECT_EQ(said("POST /v1/locations HTTP/1.1\r\n\r\n"), IoNext::plain_http);
  EXPECT_EQ(said("SSH-2.0-OpenSSH_9.2\r\n"), IoNext::failed);
}

TEST_F(TlsTest, carries_much_through_a_socket_that_takes_little) {
  const auto tls = std::move(*open());
  const auto ends = connect();
  const auto server = tls->stream(ends[0]);
  Client client(ends[1]);
  shake_hands(*server, client);
  std::string sent;
  for (int i = 0; sent.size() < (2 << 20); ++i) sent += std::to_string(i) + ' ';
  std::string received;
  size_t taken = 0;
  std::array<char, 7'001> room{};
  bool waited = false;
  while (received.size() < sent.size()) {
    if (taken < sent.size()) {
      const IoStep step = server->write(std::string_view(sent).substr(taken));
      taken += step.bytes;
      ASSERT_TRUE(step.next == IoNext::done || step.next == IoNext::when_writable);
      waited |= step.next == IoNext::when_writable;
    }
    const int got = SSL_read(client.get(), room.data(), room.size());
    if (got > 0) received.append(room.data(), static_cast<size_t>(got));
  }
  EXPECT_TRUE(waited);
  EXPECT_EQ(received, sent);
}

TEST_F(TlsTest, does_not_wait_for_the_socket_when_the_end_came_with_the_last_bytes) {
  const auto tls = std::move(*open());
  const auto ends = connect();
  const auto server = tls->stream(ends[0]);
  Client client(ends[1]);
  shake_hands(*server, client);
  std::array<char, 64> room{};
  EXPECT_FALSE(server->may_read());
  EXPECT_EQ(server->read(room).next, IoNext::when_readable);
  ASSERT_EQ(SSL_write(client.get(), "request", 7), 7);
  SSL_shutdown(client.get());
  EXPECT_EQ(server->read(room).bytes, 7u);
  EXPECT_TRUE(server->may_read());
  EXPECT_EQ(server->read(room).next, IoNext::peer_finished);
  EXPECT_EQ(server->write("the answer still arrives").next, IoNext::done);
}

}  // namespace
}  // namespace waybill::serve

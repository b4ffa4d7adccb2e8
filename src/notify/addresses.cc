#include "notify/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace waybill::notify {
namespace {

constexpr unsigned v4_begin = 96;  // bits before an IPv4 address in an Address

bool begins_with(std::span<const uint8_t> bytes, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

struct Parsed {
  Address address{};
  bool v4 = false;
};

std::optional<Parsed> parse_address(const std::string& text) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1)
    return Parsed{.address = address_of(std::span(bytes).first(4)), .v4 = true};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return Parsed{.address = address_of(bytes), .v4 = false};
}

}  // namespace

Address address_of(std::span<const uint8_t> bytes) {
  Address address{};
  const auto as_v4 = [&](size_t at) {
    address = {};
    address[10] = address[11] = 0xff;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), 4, address.begin() + 12);
    return address;
  };
  if (bytes.size() == 4) return as_v4(0);
  std::copy_n(bytes.begin(), address.size(), address.begin());
  if (begins_with(bytes, {0x20, 0x02})) return as_v4(2);                                       // 6to4
  if (begins_with(bytes, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return as_v4(12);    // NAT64
  const bool zeros = begins_with(bytes, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool loopback_or_none = zeros && begins_with(bytes.subspan(12), {0, 0, 0});
  if (zeros && !loopback_or_none) return as_v4(12);  // IPv4-compatible
  return address;
}

std::optional<Address> address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, bytes.size());
    return address_of(bytes);
  }
  if (address.sa_family == AF_INET6) {
    std::array<uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    return address_of(bytes);
  }
  return std::nullopt;
}

bool AddressRule::Network::contains(const Address& other) const {
  for (unsigned bit = 0; bit < bits; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
    if (((address[bit / 8] ^ other[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

Result<AddressRule::Network> AddressRule::parse_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto parsed = parse_address(std::string(text.substr(0, slash)));
  const auto refused = [&] {
    return fail(Code::invalid,
                "\"" + std::string(text) + "\": expected an address or a network, as 10.0.0.0/8 or fd00::/8");
  };
  if (!parsed) return refused();
  const unsigned before = parsed->v4 ? v4_begin : 0;
  Network network{.address = parsed->address, .bits = 128};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() || before + bits > 128) return refused();
    network.bits = before + bits;
  }
  return network;
}

std::span<const AddressRule::Network> AddressRule::special() {
  // IANA's special-purpose registries: all that is not a host on the public internet.
  static const std::vector<Network> networks = [] {
    std::vector<Network> all;
    for (const std::string_view text :
         {"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
          "192.0.0.0/24",   "192.0.2.0/24",  "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
          "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/120",         "64:ff9b:1::/48", "100::/64",
          "2001::/23",      "2001:db8::/32", "3fff::/20",      "5f00::/16",      "fc00::/7",       "fe80::/10",
          "fec0::/10",      "ff00::/8"}) {
      const auto network = parse_network(text);
      CHECK(network, "the networks of this table can be read");
      all.push_back(*network);
    }
    return all;
  }();
  return networks;
}

Result<AddressRule> AddressRule::parse(std::string_view allowed) {
  AddressRule rule;
  while (!allowed.empty()) {
    std::string_view part = allowed.substr(0, allowed.find(','));
    allowed.remove_prefix(std::min(allowed.size(), part.size() + 1));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part.empty()) continue;
    TRY_LET(const Network network, parse_network(part));
    rule.allowed_.push_back(network);
  }
  return rule;
}

bool AddressRule::allows(const Address& address) const {
  const auto has = [&](const Network& network) { return network.contains(address); };
  return std::ranges::any_of(allowed_, has) || std::ranges::none_of(special(), has);
}

}  // namespace waybill::notify

// notify/addresses.h — which addresses a webhook or a source may lead to: the public ones, and those that the operator names.
//
// Without it whoever may add one could reach what only this machine can: its own ports, its network, a cloud's metadata.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr;

namespace waybill::notify {

// 16 bytes; an IPv4 address is ::ffff:a.b.c.d.
using Address = std::array<uint8_t, 16>;

class AddressRule {
 public:
  AddressRule() = default;
  // "10.0.0.0/8, ::1, 192.168.1.7": networks and addresses with commas between.
  static Result<AddressRule> parse(std::string_view allowed);
  bool allows(const Address& address) const;

 private:
  struct Network {
    Address address{};
    unsigned bits = 0;
    bool contains(const Address& other) const;
  };
  static Result<Network> parse_network(std::string_view text);
  static std::span<const Network> special();  // not on the public internet

  std::vector<Network> allowed_;
};

// Of four bytes or sixteen; an IPv4 address inside an IPv6 one (mapped, compatible, 6to4, NAT64) is that IPv4 address.
Address address_of(std::span<const uint8_t> bytes);
// Nothing where it is of another family.
std::optional<Address> address_of(const sockaddr& address);

}  // namespace waybill::notify

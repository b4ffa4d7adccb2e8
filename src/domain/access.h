// domain/access.h — who may do what: roles, what each may do, and the credentials that were given and taken back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/location.h"

namespace waybill {

enum class Role : uint8_t {
  deliverer,  // writes locations under its own name
  customer,   // reads one order, within the order's time, as far as the privacy rules let it
  service,    // writes locations and orders of anyone, gives links to customers
  op,         // "operator": reads everything
  admin,      // everything, credentials and backups included
  analyst,    // asks the lake, nothing else
};

std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

// What a request wants to do; each route says one.
enum class Act : uint8_t {
  greet,       // what anybody may: health, pages, logging in
  identify,    // what anybody may who is known: ask who that is, log out
  write,       // send locations
  command,     // create, assign, close, cancel orders
  share,       // give and take back customers' links
  read_order,  // one order, its track and its last
  read,        // deliverers, lists, custody
  observe,     // metrics, quarantine
  query,       // ask the lake
  administer,  // credentials, backups
};

bool may(Role role, Act act);

// Who asks, once that is known.
struct Principal {
  Role role = Role::admin;
  std::string subject;     // of a deliverer its id, of a customer the order's, else a name
  std::string credential;  // id of the token, link or session; empty where none was needed

  std::string name() const;  // "deliverer 7", as audit and log have it
  bool operator==(const Principal&) const = default;
};

// One thing said of a credential: given, or taken back.
struct Grant {
  enum class Kind : uint8_t {
    token,     // id: the token's jti
    link,      // id: a hash of the link's secret
    password,  // id: a person's name
  };
  Kind kind = Kind::token;
  std::string id;
  bool revoked = false;
  Role role = Role::deliverer;
  std::string subject;             // as Principal's
  Time at{};                       // our clock
  std::optional<Time> expires_at;  // never, where missing
  std::string by;                  // who did it
  std::string note;                // for people
  std::string secret;              // of a password its salted hash

  bool operator==(const Grant&) const = default;
};

std::string_view to_string(Grant::Kind kind);

// What all that was said of a credential comes to.
struct Access {
  Grant given;
  std::optional<Time> revoked_at;
  std::string revoked_by;

  bool holds_at(Time now) const { return !revoked_at && (!given.expires_at || now < *given.expires_at); }
  bool operator==(const Access&) const = default;
};

// A token or link that was taken back stays so; a password that is given again holds again.
void apply(std::optional<Access>& access, const Grant& grant);

}  // namespace waybill

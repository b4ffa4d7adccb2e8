// base/secret_hash.h — a hash that nobody can make or try out without its key: SipHash-2-4 with 128 bits, by libsodium.
//
// Threads: pure functions.
#pragma once

#include <string_view>

#include "base/hash.h"

namespace waybill {

Hash128 secret_hash(const Hash128& key, std::string_view text);
Hash128 random_key();  // from the system

}  // namespace waybill

// wire/compression.h — gzip and zstd, bounded: a small body that would become a huge one is refused before it does.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::wire {

enum class Compression { none, gzip, zstd };

// invalid: not what it says, cut off, bytes behind its end. overloaded: more than bytes_max when unpacked.
Result<std::string> decompress(std::string_view packed, Compression compression, size_t bytes_max);
std::string compress(std::string_view plain, Compression compression);

}  // namespace waybill::wire

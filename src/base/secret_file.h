// base/secret_file.h — small files that only their owner may read: keys.
//
// Failure: denied where group or others may read the file (it says how to mend it); otherwise as Files.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill {

Result<std::string> read_secret_file(const std::string& path);

// Mode 0600 from its first byte on, durable; conflict where the file exists. The folder is made with mode 0700.
Result<void> write_secret_file(const std::string& folder, const std::string& name, std::string_view content);

}  // namespace waybill

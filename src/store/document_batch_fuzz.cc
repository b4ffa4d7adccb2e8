// Any bytes as a batch in `redo` or as the state: refused, or written again as they mean the same.
#include "store/document_batch.h"

#include <cstdlib>

using namespace waybill;
using namespace waybill::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto changes = decode_changes(bytes)) {
    const auto again = decode_changes(encode_changes(*changes));
    if (!again || *again != *changes) std::abort();
  }
  if (const auto state = decode_state(bytes)) {
    const std::string written = encode_state(*state);
    const auto again = decode_state(written);
    if (!again || encode_state(*again) != written) std::abort();
  }
  return 0;
}

#include "base/late.h"

#include <dlfcn.h>

namespace waybill {
namespace {

std::unexpected<Error> failed(const std::string& library) {
  const char* why = ::dlerror();  // of this thread
  return fail(Code::unavailable, "load " + library + ": " + (why != nullptr ? why : "it offers nothing"));
}

}  // namespace

Result<void*> late_symbol(const std::string& library, const std::string& symbol) {
  void* loaded = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);  // the same one each time
  if (loaded == nullptr) return failed(library);
  void* address = ::dlsym(loaded, symbol.c_str());
  if (address == nullptr) return failed(library);
  return address;
}

}  // namespace waybill

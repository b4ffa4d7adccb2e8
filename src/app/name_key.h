// app/name_key.h — the key with which erased names are hashed: a file of the keys' folder, made when somebody is erased first.
//
// Failure: as secret files; invalid: what is in it is no key.
#pragma once

#include "app/config.h"
#include "wire/erased_names.h"

namespace waybill::app {

// Without a key where there is no file yet.
Result<std::shared_ptr<wire::ErasedNames>> erased_names_of(const Config& config);
// Where another process has made one meanwhile, it is known then.
Result<void> look_for_name_key(const Config& config, wire::ErasedNames& names);
// From then on there is one. Threads: one at a time.
Result<void> need_name_key(const Config& config, wire::ErasedNames& names);

}  // namespace waybill::app

// lake/local/local_objects.h — the lake's objects as files below one folder, each under its key.
//
// Delivery: what get() has shown stays through a loss of power, also where another process wrote it and died.
// Order:    an object is written below `in progress`, which is no part of any key, and gets its name when it is whole and
//           synced. What a dead process left there goes when the next one opens the folder to write.
// Threads:  all methods from any thread. Processes: any number, writers too.
// Failure:  as lake/objects.h. denied: a put or remove where it was opened to read. invalid: a key that would be the folder
//           of another. unavailable: the file system cannot rename without replacing.
#pragma once

#include <memory>
#include <string>

#include "lake/objects.h"

namespace waybill::lake {

struct LocalObjectsOptions {
  enum class Access { read_only, read_write };

  std::string folder;  // made where missing, unless it is opened to read
  Access access = Access::read_write;
};

Result<std::unique_ptr<Objects>> open_local_objects(LocalObjectsOptions options, Files& files);

}  // namespace waybill::lake

// backup/vault.h — a backup folder: its generations, the files that they share, and what may be removed.
//
// Invariant: a generation is there when its manifest is, and then every file of it is on the disk. A file that no manifest
//            names is what a backup left behind that did not end.
// Threads:   one at a time; one writer a folder (a lock).
// Failure:   what is not known to be unneeded stays: where a manifest cannot be read, no file is removed.
#pragma once

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "base/files.h"

namespace waybill::backup {

// Bytes [at, at + bytes) of a file.
struct Copy {
  std::string from;
  uint64_t at = 0;
  uint64_t bytes = 0;
};

class Vault {
 public:
  // Makes the folder where it is missing. conflict: another process writes it. invalid: it holds something else.
  static Result<Vault> open_to_write(const std::string& folder, Files& files);
  // not_found where it is none.
  static Result<Vault> open_to_read(const std::string& folder, Files& files);

  // Numbers of the generations that are there, ascending.
  Result<std::vector<uint64_t>> generations() const;
  Result<Manifest> read(uint64_t generation) const;
  std::string path_of(const Part& part) const;

  // Copies into the folder under a name that says what it is. `private_file`: nobody but its owner may read it.
  enum class Readable : uint8_t { usual, by_owner_only };
  Result<Part> take_in(const Copy& copy, const std::string& name, Readable readable, const std::stop_token& stop);
  Result<Part> take_in_text(std::string_view text, const std::string& name);
  // Whether the folder has this part whole in size, from a generation that is there.
  bool has(const Part& part) const;

  // Everything taken in is made durable, then the manifest appears.
  Result<void> complete(const Manifest& manifest);
  // Removes the oldest generations beyond `keep`, and files that no manifest names.
  Result<void> remove_beyond(uint64_t keep);

 private:
  Vault(std::string folder, Files& files, std::unique_ptr<FileLock> lock)
      : folder_(std::move(folder)), files_(&files), lock_(std::move(lock)) {}
  Result<void> remove_unnamed();
  Result<Part> name_it(const std::string& name, uint64_t bytes, uint32_t crc32c);

  std::string folder_;
  Files* files_;  // outlives it
  std::unique_ptr<FileLock> lock_;
  std::set<std::string> named_;  // files that manifests name
};

// Gives the checksum of what it copied; unavailable where stop was asked for, corrupt where the file is shorter.
Result<uint32_t> copy_bytes(Files& files, const Copy& copy, File& into, uint64_t into_at, const std::stop_token& stop);

// How a part is called whose checksum is known before it is copied.
std::string part_name(const std::string& name, uint64_t bytes, uint32_t crc32c);

}  // namespace waybill::backup

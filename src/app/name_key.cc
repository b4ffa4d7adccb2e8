#include "app/name_key.h"

#include "base/secret_file.h"
#include "base/secret_hash.h"

namespace waybill::app {
namespace {

constexpr const char* key_file = "erasures.key";

Result<void> read_key(const std::string& path, wire::ErasedNames& names) {
  TRY_LET(const std::string text, read_secret_file(path));
  const auto key = parse_hash128(std::string_view(text).substr(0, text.find('\n')));
  if (!key) return fail(Code::invalid, path + ": expected 32 digits of a key");
  names.set_key(*key);
  return {};
}

}  // namespace

Result<std::shared_ptr<wire::ErasedNames>> erased_names_of(const Config& config) {
  auto names = std::make_shared<wire::ErasedNames>();  // shared: store, door and lake ask it
  TRY(look_for_name_key(config, *names));
  return names;
}

Result<void> look_for_name_key(const Config& config, wire::ErasedNames& names) {
  if (names.has_key()) return {};
  const std::string path = join_path(config.keys_folder(), key_file);
  if (!system_files().info(path)) return {};
  return read_key(path, names);
}

Result<void> need_name_key(const Config& config, wire::ErasedNames& names) {
  if (names.has_key()) return {};
  const std::string path = join_path(config.keys_folder(), key_file);
  if (!system_files().info(path)) TRY(write_secret_file(config.keys_folder(), key_file, to_hex(random_key()) + '\n'));
  return read_key(path, names);
}

}  // namespace waybill::app

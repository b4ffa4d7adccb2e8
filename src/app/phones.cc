#include "app/phones.h"

#include "base/secret_box.h"
#include "base/secret_file.h"

namespace waybill::app {

void Phones::offer(serve::ApiParts& parts) {
  parts.passphrases = &passphrases;
  parts.phone_words = &words;
}

Result<wire::Passphrases> parse_passphrases(std::string_view text) {
  wire::Passphrases passphrases;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const size_t space = line.find(' ');
    const std::string_view passphrase = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    if (space == 0 || passphrase.empty() || passphrase.size() > passphrase_bytes_max)
      return fail(Code::invalid, "line " + std::to_string(number) +
                                     ": expected a deliverer's id, a space and a passphrase of at most " +
                                     std::to_string(passphrase_bytes_max) + " bytes");
    if (!passphrases.emplace(line.substr(0, space), passphrase).second)
      return fail(Code::invalid, "line " + std::to_string(number) + ": this deliverer has a passphrase already");
  }
  return passphrases;
}

Result<std::unique_ptr<Phones>> open_phones(const Config& config) {
  auto phones = std::make_unique<Phones>();
  if (config.phones_passphrases_file.empty()) return phones;
  TRY_LET(const std::string text, read_secret_file(config.phones_passphrases_file));
  auto passphrases = parse_passphrases(text);
  if (!passphrases) return fail_in("phones.passphrases_file: " + config.phones_passphrases_file, passphrases.error());
  phones->passphrases = *std::move(passphrases);
  return phones;
}

}  // namespace waybill::app

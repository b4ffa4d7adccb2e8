// app/phones.h — what the settings say of couriers' phones, and what these say of themselves while the platform runs.
#pragma once

#include <memory>

#include "app/config.h"
#include "serve/api.h"

namespace waybill::app {

struct Phones {
  wire::Passphrases passphrases;
  ingest::PhoneWords words;

  void offer(serve::ApiParts& parts);
};

// Of the file that phones.passphrases_file names, for its owner's eyes only: a line a deliverer, its id, a space and the
// passphrase. invalid names the line that is none.
Result<std::unique_ptr<Phones>> open_phones(const Config& config);
Result<wire::Passphrases> parse_passphrases(std::string_view text);

}  // namespace waybill::app

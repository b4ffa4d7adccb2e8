// app/certificate.h — how far an erasure is, and what it did: its file in the data folder, which is its certificate in the end.
//
// The name is not in it: a certificate is kept for years, and would be what is left of the one who was erased. It has the hash of
// the name with the key of the folder, by which those who hold the key can say whether it is of a name that they are told.
// Format: docs/FORMATS.md, Erasures.
#pragma once

#include <optional>
#include <string>

#include "domain/erasure.h"

namespace waybill::app {

struct Certificate {
  std::string position;  // of its journal record: its id
  Erasure erasure;
  bool done = false;
  std::string step;  // what is being done: journal, store, lake, tables, history; empty before and after
  std::string why;  // of a step that does not get on; empty where it does
  Time begun_at{};
  std::optional<Time> done_at;
  uint64_t starts = 0;  // of processes that worked on it: above 1 the counts may lack what one did before it was killed
  uint64_t below =
      0;  // all that the journal has below this offset was looked at; from there on nothing of the name is kept
  uint64_t journal_records = 0;
  uint64_t journal_segments = 0;  // looked at
  uint64_t store_locations = 0;
  uint64_t store_others = 0;
  uint64_t lake_files = 0;  // raw, written anew
  uint64_t lake_rows = 0;
  uint64_t table_files = 0;  // treated and final, made anew
  bool lake_looked_at = false;
  bool lake_in_bucket = false;
  bool handed_on = false;  // the journal, by a broker
  bool store_in_database = false;  // which keeps its own history
};

std::string certificate_path(const std::string& folder, const std::string& position);
std::string to_json(const Certificate& certificate);
// As lines for a person.
Result<std::string> certificate_lines(std::string_view json);

Result<void> write_certificate(Files& files, const std::string& folder, const Certificate& certificate);
// Nothing where there is no file yet. corrupt: it is none of ours.
Result<std::optional<Certificate>> read_certificate(Files& files, const std::string& folder,
                                                    const std::string& position);

}  // namespace waybill::app

// serve/api.h — the routes of the HTTP API: what each answers, from the parts of the platform that it is given.
//
// Threads: handlers run on any of the server's threads at once; the parts are safe for that and outlive the server.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "domain/privacy.h"
#include "ingest/accept.h"
#include "ingest/phone_words.h"
#include "ingest/progress.h"
#include "journal/journal.h"
#include "serve/audit.h"
#include "serve/erasures.h"
#include "serve/hooks.h"
#include "serve/http.h"
#include "serve/tiles.h"
#include "serve/tokens.h"
#include "store/store.h"
#include "wire/phones/phone_in.h"

namespace waybill::serve {

class Live;

enum class AnswerForm : uint8_t { json, csv };

// A file of the built-in pages.
struct Page {
  std::string path;              // "/web/words.js"; "/t/{link}" stands for every link
  std::string_view content_type;
  std::string_view bytes;        // lives as long as the server
  std::string encoding;          // "gzip" where the bytes are packed
};

// A position that is asked for in the lake, and what is known of its record.
struct LakePlace {
  // unknown: the journal has let go of it. other: a credential's or a webhook's.
  enum class What : uint8_t { unknown, location, command, quarantined, other };
  uint64_t offset = 0;
  What what = What::unknown;
  std::optional<Time> fix_time = {};  // of a location
};

// How far the lake has come with it.
struct LakeCustody {
  enum class Raw : uint8_t { before, waiting, taken };  // before: of before the lake was switched on
  struct File {
    std::string key;
    uint64_t version = 0;  // of the catalog, which brought the file's newest rows
  };
  struct Treated {
    std::string date;  // of the fix
    bool made = false;  // anew since the location is in the raw tables
  };
  Raw raw = Raw::waiting;
  std::vector<File> files = {};  // that have its row: several where it is not known what it was, none of a credential
  std::vector<Treated> treated = {};  // dates of treated.location; several where it is not known which is its own
  std::optional<uint64_t> treated_version = {};  // of the catalog, which treated.location is made of
};

// What can be asked to be done to the lake, or by its leave to the store.
struct LakeChore {
  enum class What : uint8_t { compact, expire, purge };
  What what = What::compact;
  std::chrono::hours older_than{};  // expire: what was replaced so long ago
  Time before{};  // purge: the store lets go of what came before
};
std::string_view to_string(LakeChore::What what);

struct ApiOptions {
  Duration naive_offset{};  // of timestamps without a zone: local minus UTC
  Duration stale_after = std::chrono::seconds(120);  // an order whose last fix is older is stale
  PrivacyRule privacy = {};  // what customers see
  bool secure_cookies = false;  // over TLS
  Where reads = Where::loop;  // of a single order or deliverer: the pool where the store is not in this process
  bool writes_wait = false;  // for a broker: whatever accepts does so in the pool
};

struct ApiParts {
  ingest::Acceptor& acceptor;
  journal::Journal& journal;
  const store::Store& store;
  ingest::Progress& progress;
  Metrics& metrics;
  Clock& clock;
  Audit& audit;
  ApiOptions options = {};
  std::function<std::vector<std::string>()> not_ready_because;  // empty: ready
  std::vector<Page> pages = {};
  const TileArchive* tiles = nullptr;  // none: the pages' map has no streets
  const Tokens* tokens = nullptr;  // none: nobody is told apart
  const wire::Passphrases* passphrases = nullptr;  // of phones that encrypt; none: their messages are quarantined
  ingest::PhoneWords* phone_words = nullptr;  // what phones say of themselves; none: nobody listens
  Live* live = nullptr;  // none: nothing can be watched
  // Begins a backup into a folder with so many generations kept (conflict while one runs), and how the last one stands, as
  // JSON. Where they are missing, so are the routes.
  std::function<Result<void>(const std::string& to, uint64_t keep)> start_backup = {};
  std::function<std::string()> backup_state = {};
  Webhooks* webhooks = nullptr;  // where it is missing, so are the routes
  Erasures* erasures = nullptr;  // where it is missing, so are the routes
  // The answer to a SELECT over the lake as its body, within what this one may read (else denied). Where it is missing, so is the route.
  std::function<Result<std::string>(const Principal& who, const std::string& sql, AnswerForm form)> ask_lake = {};
  // Nothing: the lake cannot be asked now. Where it is missing there is no lake.
  std::function<std::optional<LakeCustody>(const LakePlace& place)> lake_custody = {};
  // Begins it (conflict while one runs), and how the last one stands, as JSON. Where they are missing, so are the routes.
  std::function<Result<void>(const LakeChore& chore)> start_lake_chore = {};
  std::function<std::string()> lake_chore_state = {};
};

// A packed body may become this much larger than http.body_mib_max allows a plain one to be, not more: 413.
inline constexpr size_t unpacked_bytes_max = 128 << 20;
// Items of one answer of /v1/quarantine; it ends sooner, with a cursor, behind the item that makes their bytes so many.
inline constexpr size_t quarantine_limit_max = 1000;
inline constexpr size_t quarantine_bytes_max = 8 << 20;
// What a viewer missed is told to it as far as it lies in the last hours of the track, and of that the newest.
inline constexpr Duration live_resume_window = std::chrono::hours(24);
inline constexpr size_t live_resume_events_max = 1000;
// Orders that a region's stream begins with, of those that there was news of within region_window; the list has the others.
inline constexpr size_t live_region_orders_max = 1000;
inline constexpr Duration region_window = std::chrono::hours(24);
// Bytes of a statement of /v1/query.
inline constexpr size_t query_bytes_max = 64 << 10;
// Points of one answer in GeoJSON, GPX and CSV, as in JSON: store::track_limit_max.

std::vector<Route> api_routes(const ApiParts& parts);

// The themes that api_routes joins.
std::vector<Route> write_routes(const ApiParts& parts);
std::vector<Route> phone_routes(const ApiParts& parts);
std::vector<Route> read_routes(const ApiParts& parts);
std::vector<Route> system_routes(const ApiParts& parts);
std::vector<Route> access_routes(const ApiParts& parts);
std::vector<Route> backup_routes(const ApiParts& parts);
std::vector<Route> live_routes(const ApiParts& parts);
std::vector<Route> hook_routes(const ApiParts& parts);
std::vector<Route> query_routes(const ApiParts& parts);
std::vector<Route> erasure_routes(const ApiParts& parts);
std::vector<Route> lake_routes(const ApiParts& parts);

}  // namespace waybill::serve

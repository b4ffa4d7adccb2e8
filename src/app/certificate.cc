#include "app/certificate.h"

#include <array>

#include "wire/json_object.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

// What an erasure does not reach: who holds it still, and until when.
struct Elsewhere {
  std::string_view what;
  std::string_view until;
  enum class Where : uint8_t { everywhere, bucket, broker, database } where = Where::everywhere;
};
constexpr std::array elsewhere = {
    Elsewhere{"backups that were made before it was done",
              "each generation is removed by you or by waybill backup --keep; a folder restored from one erases again"},
    Elsewhere{"whoever was told before: receivers of webhooks, results of questions that were saved",
              "their own rules"},
    Elsewhere{"audit.ndjson and notify/: who did what, which events were told", "the rotation of these files"},
    Elsewhere{"the store's list of its files: the first and last key of files that are gone",
              "the next start of the process"},
    Elsewhere{"texts that nobody can read as a name: attributes, notes, quarantined items that are no JSON object",
              "they are looked through by you: GET /v1/quarantine"},
    Elsewhere{"tables of other sources (external.…), which say what their source says",
              "the source says it no more and is run again, or waybill source remove --rows"},
    Elsewhere{"copies of a bucket's files for questions (lake-copies/)",
              "they are pushed out by others (lake.copies_mib_max), or you remove the folder while it is stopped",
              Elsewhere::Where::bucket},
    Elsewhere{"earlier versions of objects, where the bucket keeps them", "the bucket's lifecycle rule",
              Elsewhere::Where::bucket},
    Elsewhere{"the broker's topic, and platforms that follow this one",
              "the topic's retention; each of those erases by itself and has a certificate of its own",
              Elsewhere::Where::broker},
    Elsewhere{"MongoDB's oplog, free parts of its files and its own backups",
              "they are overwritten, or you remove them", Elsewhere::Where::database},
};

bool is_of(const Elsewhere& one, const Certificate& certificate) {
  switch (one.where) {
    case Elsewhere::Where::bucket: return certificate.lake_in_bucket;
    case Elsewhere::Where::broker: return certificate.handed_on;
    case Elsewhere::Where::database: return certificate.store_in_database;
    case Elsewhere::Where::everywhere: break;
  }
  return true;
}

void write_counts(wire::JsonWriter& json, const Certificate& certificate) {
  const auto count = [&](std::string_view name, uint64_t value) {
    json.key(name).integer(static_cast<int64_t>(value));
  };
  json.key("journal").begin_object();
  count("below", certificate.below);
  count("records", certificate.journal_records);
  count("segments_looked_at", certificate.journal_segments);
  json.end_object().key("store").begin_object();
  count("locations", certificate.store_locations);
  count("other_rows", certificate.store_others);
  json.end_object().key("lake").begin_object();
  json.key("looked_at").boolean(certificate.lake_looked_at);
  count("raw_files", certificate.lake_files);
  count("raw_rows", certificate.lake_rows);
  count("table_files_made_anew", certificate.table_files);
  json.end_object();
}

}  // namespace

std::string certificate_path(const std::string& folder, const std::string& position) {
  return join_path(folder, position + ".json");
}

std::string to_json(const Certificate& certificate) {
  wire::JsonWriter json;
  json.begin_object().key("id").text(certificate.position);
  json.key("state").text(certificate.done ? "done" : "running");
  json.key("kind").text(to_string(certificate.erasure.kind)).key("name_hash").text(to_hex(certificate.erasure.name));
  json.key("asked_at").time(certificate.erasure.at).key("asked_by").text(certificate.erasure.by);
  json.key("begun_at").time(certificate.begun_at);
  if (certificate.done_at) json.key("done_at").time(*certificate.done_at);
  if (!certificate.step.empty()) json.key("step").text(certificate.step);
  if (!certificate.why.empty()) json.key("why").text(certificate.why);
  json.key("starts").integer(static_cast<int64_t>(certificate.starts));
  write_counts(json, certificate);
  json.key("held_elsewhere").begin_array();
  if (!certificate.lake_looked_at)
    json.begin_object()
        .key("what")
        .text("a lake, where there is one: none is written by this process (lake.enabled)")
        .key("until")
        .text("it is removed by you")
        .end_object();
  for (const Elsewhere& one : elsewhere)
    if (is_of(one, certificate))
      json.begin_object().key("what").text(one.what).key("until").text(one.until).end_object();
  json.end_array().end_object();
  return json.take();
}

Result<std::string> certificate_lines(std::string_view text) {
  wire::JsonChecker checker;
  TRY(checker.check(text));
  wire::JsonObject json(text);
  const bool done = json.text("state") == "done";
  std::string lines = "erasure    " + json.text("id") + " of one " + json.text("kind") + ", hash of the name " +
                      json.text("name_hash") + "\nasked      " + json.text("asked_at") + " by " + json.text("asked_by");
  if (done) lines += ", done " + json.text("done_at");
  if (!done) lines += "\nRUNNING    step: " + (json.has("step") ? json.text("step") : "begins");
  if (!done && json.has("why")) lines += ": " + json.text("why");
  wire::JsonObject journal = json.object("journal"), store = json.object("store"), lake = json.object("lake");
  const auto of = [](wire::JsonObject& object, std::string_view name) { return std::to_string(object.number(name)); };
  lines += "\njournal    " + of(journal, "records") + " records, everything below offset " + of(journal, "below") +
           " looked at\nstore      " + of(store, "locations") + " locations, " + of(store, "other_rows") +
           " other rows\nlake       " + of(lake, "raw_rows") + " rows in " + of(lake, "raw_files") + " raw files, " +
           of(lake, "table_files_made_anew") + " files of tables made anew";
  if (json.number("starts") > 1) lines += "\ncounts     it was interrupted: there may have been more";
  for (wire::JsonObject& one : json.objects("held_elsewhere"))
    lines += "\nstill held " + one.text("what") + "\n           until: " + one.text("until");
  if (!json.ok()) return fail(Code::corrupt, "not an erasure's certificate");
  return lines;
}

Result<void> write_certificate(Files& files, const std::string& folder, const Certificate& certificate) {
  TRY(make_folder_durably(files, folder));
  wire::JsonWriter json;
  json.begin_object()
      .key("asked_at_us")
      .integer(to_us(certificate.erasure.at))
      .key("begun_at_us")
      .integer(to_us(certificate.begun_at));
  if (certificate.done_at) json.key("done_at_us").integer(to_us(*certificate.done_at));
  json.key("lake").text(certificate.lake_in_bucket ? "bucket" : certificate.lake_looked_at ? "folder" : "none");
  json.key("handed_on").integer(certificate.handed_on ? 1 : 0);
  json.key("store_in_database").integer(certificate.store_in_database ? 1 : 0);
  json.key("certificate").raw(to_json(certificate)).end_object();
  return write_file_atomically(files, certificate_path(folder, certificate.position), json.take() + "\n");
}

Result<std::optional<Certificate>> read_certificate(Files& files, const std::string& folder,
                                                    const std::string& position) {
  const std::string path = certificate_path(folder, position);
  const Result<std::string> text = read_file(files, path);
  if (!text && text.error().code == Code::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  wire::JsonChecker checker;
  if (!checker.check(*text)) return fail(Code::corrupt, path + ": not an erasure's certificate");
  wire::JsonObject file(*text);
  wire::JsonObject json = file.object("certificate");
  Certificate certificate{.position = json.text("id"), .done = json.text("state") == "done"};
  certificate.erasure.kind = parse_erasure_kind(json.text("kind")).value_or(Erasure::Kind::deliverer);
  certificate.erasure.name = parse_hash128(json.text("name_hash")).value_or(Hash128{});
  certificate.erasure.at = at_us(file.integer("asked_at_us"));
  certificate.erasure.by = json.text("asked_by");
  certificate.begun_at = at_us(file.integer("begun_at_us"));
  if (file.has("done_at_us")) certificate.done_at = at_us(file.integer("done_at_us"));
  const std::string lake_in = file.text("lake");
  certificate.lake_in_bucket = lake_in == "bucket";
  certificate.lake_looked_at = lake_in != "none";
  certificate.handed_on = file.has("handed_on") && file.number("handed_on") != 0;
  certificate.store_in_database = file.has("store_in_database") && file.number("store_in_database") != 0;
  certificate.starts = json.number("starts");
  if (json.has("step")) certificate.step = json.text("step");
  if (json.has("why")) certificate.why = json.text("why");
  wire::JsonObject journal = json.object("journal"), store = json.object("store"), lake = json.object("lake");
  certificate.below = journal.number("below");
  certificate.journal_records = journal.number("records");
  certificate.journal_segments = journal.number("segments_looked_at");
  certificate.store_locations = store.number("locations");
  certificate.store_others = store.number("other_rows");
  certificate.lake_files = lake.number("raw_files");
  certificate.lake_rows = lake.number("raw_rows");
  certificate.table_files = lake.number("table_files_made_anew");
  if (!file.ok() || !json.ok()) return fail(Code::corrupt, path + ": not an erasure's certificate");
  return certificate;
}

}  // namespace waybill::app

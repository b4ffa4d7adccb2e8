#include "app/backup_commands.h"

#include <simdjson.h>

#include <cstdio>

#include "app/backups.h"
#include "app/batch_answer.h"
#include "app/serving.h"
#include "app/verify.h"
#include "app/version.h"
#include "app/wiring.h"
#include "backup/restore.h"
#include "base/pause.h"
#include "ingest/subscribe.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

namespace dom = simdjson::dom;

constexpr std::chrono::milliseconds look_every{200};

unsigned long long shown(uint64_t value) { return value; }

// What a process says of its backup, as far as we tell it on.
struct Told {
  std::string state;
  std::string error;
  uint64_t generation = 0;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t copied_bytes = 0;
  uint64_t journal_end = 0;
};

Result<Told> read_told(std::string_view text) {
  dom::parser parser;
  dom::element root;
  std::string_view state, error;
  Told told;
  if (parser.parse(text.data(), text.size()).get(root) || root["state"].get(state))
    return fail(Code::unavailable,
                "the process that serves the folder does not tell how its backup stands: " + error_text(200, text));
  told.state = state;
  if (!root["error"].get(error)) told.error = error;
  const auto take = [&](const char* name, uint64_t& into) {
    if (root[name].get(into)) into = 0;
  };
  take("generation", told.generation);
  take("files", told.files);
  take("bytes", told.bytes);
  take("copied_bytes", told.copied_bytes);
  take("journal_end", told.journal_end);
  return told;
}

void print(const Told& told, const std::string& to) {
  std::printf("backed up  to %s, generation %llu: %llu files, %llu bytes, %llu of them copied now\n", to.c_str(),
              shown(told.generation), shown(told.files), shown(told.bytes), shown(told.copied_bytes));
  std::printf("journal    everything below offset %llu is in it\n", shown(told.journal_end));
}

Result<Told> answer_of(const Result<HttpAnswer>& answer) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200 && answer->status != 202)
    return fail(answer->status == 409 ? Code::conflict : Code::unavailable,
                "the process that serves the folder answers " + error_text(answer->status, answer->body));
  return read_told(answer->body);
}

Result<void> ask_for_backup(const Config& config, const BackupOptions& options, const std::stop_token& stop) {
  wire::JsonWriter body;
  body.begin_object().key("to").text(options.to).key("keep").integer(static_cast<int64_t>(options.keep)).end_object();
  TRY_LET(Told told, answer_of(call_serving(config, Ask::post, "/v1/backup", body.take())));
  while (told.state == "running") {
    pause(look_every, stop);
    if (stop.stop_requested())
      return fail(Code::unavailable, "stopped waiting: the backup goes on in the process that serves the folder");
    TRY_LET(told, answer_of(call_serving(config, Ask::get, "/v1/backup")));
  }
  if (told.state != "done") return fail(Code::unavailable, told.error);
  print(told, options.to);
  return {};
}

Result<void> make_backup(const Config& config, const DataFolder& folder, const BackupOptions& options,
                         const std::stop_token& stop) {
  const auto metrics = make_metrics();
  Health health;
  Clock& clock = system_clock();
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const OpenStore opened, open_store_for_backup(config, folder));
  TRY(ingest::check_agreement(*journal, *opened.store));
  ingest::Keeper keeper(*journal, *opened.store, system_files(), health, clock, *metrics,
                        {.trimmed_path = folder.trimmed()});
  const backup::Source source{.folder = folder.path,
                              .data_format = data_format,
                              .version = std::string(version()),
                              .journal = *journal,
                              .store = *opened.store,
                              .hold_live_files = opened.hold_live_files,
                              .keeper = keeper};
  TRY_LET(const backup::Manifest manifest,
          backup::take(source, {.to = options.to, .keep = options.keep}, system_files(), clock, stop));
  TRY_LET(const Told told, read_told(backup_state_text(manifest, options.to)));
  print(told, options.to);
  return {};
}

}  // namespace

Result<void> run_backup(const Config& config, const BackupOptions& options, std::stop_token stop) {
  BackupOptions absolute = options;
  TRY_LET(absolute.to, absolute_path(options.to));
  TRY(look_into_data_folder(config.data, system_files()));  // before it is made
  const auto folder = open_data_folder(config.data, system_files());
  if (folder) return make_backup(config, *folder, absolute, stop);
  if (folder.error().code == Code::conflict) return ask_for_backup(config, absolute, stop);
  return std::unexpected(folder.error());
}

Result<void> run_restore(const Config& config, const std::string& from, std::optional<uint64_t> generation) {
  const backup::RestoreOptions options{
      .from = from, .to = config.data, .generation = generation, .data_format = data_format};
  TRY_LET(const backup::Restored restored, backup::restore(options, system_files(), system_clock()));
  const backup::Manifest& manifest = restored.manifest;
  std::printf("restored   generation %llu into %s: %llu files, %llu bytes, all as they were backed up\n",
              shown(manifest.generation), config.data.c_str(), shown(manifest.entries.size()), shown(manifest.bytes()));
  TRY_LET(const bool balances, verify_folder(config, {.path = config.data, .lock = nullptr}, ingest::Depth::rows));
  if (!balances)
    return fail(Code::corrupt,
                config.data + ": the books do not balance, it was not made a data folder: there is no FORMAT in it");
  TRY(backup::finish_restore(options, restored, system_files()));
  std::printf("epoch      positions go on as %u-%u-%llu; those behind %llu that were given before are gone\n",
              restored.epoch, manifest.partition, shown(manifest.journal_end), shown(manifest.journal_end));
  return {};
}

}  // namespace waybill::app

#include "app/lake_import.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "app/metrics_text.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

struct FoundFile {
  std::string path;  // below the folder
  uint64_t bytes = 0;
};

bool has_locations(std::string_view name) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  return name.ends_with(".jsonl") || name.ends_with(".ndjson") || name.ends_with(".json");
}

Result<void> find_files(const std::string& folder, const std::string& below, std::vector<FoundFile>& into) {
  TRY_LET(const auto content, system_files().list(below.empty() ? folder : join_path(folder, below)));
  for (const FileInfo& file : content) {
    const std::string path = below.empty() ? file.name : join_path(below, file.name);
    if (file.folder)
      TRY(find_files(folder, path, into));
    else if (has_locations(file.name))
      into.push_back({.path = path, .bytes = file.size});
  }
  return {};
}

class Import {
 public:
  Import(const ImportOptions& options, std::string folder, HttpClient& asker, Clock& clock, const std::stop_token& stop)
      : options_(options),
        asker_(asker),
        clock_(clock),
        stop_(stop),
        progress_path_(options.progress.empty() ? folder + ".waybill-import" : options.progress) {
    at_.folder = std::move(folder);
    at_.url = options.url;
  }

  Result<void> run() {
    TRY(find_files(at_.folder, "", files_));
    if (files_.empty())
      return fail(Code::not_found,
                  at_.folder + ": has no file that ends in .jsonl, .ndjson or .json, or .gz behind it");
    std::ranges::sort(files_, {}, &FoundFile::path);
    for (const FoundFile& file : files_) bytes_ += file.bytes;
    TRY(go_on());
    TRY_LET(repeats_before_, repeats());
    const Result<void> sent = send_all();
    std::printf("%s\n", import_text(at_.counts).c_str());
    std::fflush(stdout);
    TRY(sent);
    (void)system_files().remove(progress_path_);  // it may never have been written
    if (at_.counts.damaged > 0 || at_.counts.lines.refused > 0)
      return fail(Code::invalid, std::to_string(at_.counts.damaged) + " files are damaged, " +
                                     std::to_string(at_.counts.lines.refused) + " lines were refused");
    return {};
  }

 private:
  // Reads the progress of an import that was broken off.
  Result<void> go_on() {
    const auto content = read_file(system_files(), progress_path_);
    if (!content && content.error().code == Code::not_found) return {};
    if (!content) return fail_in(progress_path_, content.error());
    auto progress = read_import_progress(*content);
    if (!progress) return fail_in(progress_path_, progress.error());
    const std::string doubt = reason_to_start_over(*progress);
    if (!doubt.empty()) {
      log::warning("starting at the first file", {{"why", doubt}, {"progress", progress_path_}});
      return {};
    }
    at_ = *std::move(progress);
    next_ = index_of(at_.file);
    already_ = at_.lines;
    log::info("going on where the last import stopped", {{"file", at_.file}, {"line", already_ + 1}});
    return {};
  }

  size_t index_of(const std::string& path) const {
    const auto found = std::ranges::find(files_, path, &FoundFile::path);
    return static_cast<size_t>(found - files_.begin());
  }

  std::string paths_before(size_t index) const {
    std::string paths;
    for (size_t i = 0; i < index; ++i) paths += files_[i].path + '\n';
    return to_hex(hash128(as_bytes(paths)));
  }

  std::string reason_to_start_over(const ImportProgress& progress) const {
    if (progress.folder != at_.folder || progress.url != at_.url) return "the progress is of another import";
    const size_t index = index_of(progress.file);
    if (index == files_.size() || paths_before(index) != progress.before) return "other files are there now";
    const auto head = progress.head.bytes == 0 ? Result<FileHead>(FileHead{})
                                               : head_of(join_path(at_.folder, progress.file), progress.head.bytes);
    if (!head || *head != progress.head) return "the file is another one now";
    if (progress.last_position.empty()) return {};
    const auto answer = asker_.get({.path = "/v1/custody/" + progress.last_position, .body = {}, .headers = {}});
    if (answer && answer->status == 404) return "the server does not have what was sent to it";
    return {};
  }

  // What the server's store has counted as repeats so far. All that was answered is counted, once a reader has seen the last of it.
  Result<uint64_t> repeats() {
    if (!at_.last_position.empty())
      (void)asker_.get({.path = "/v1/custody/" + at_.last_position, .body = {}, .headers = {}});
    TRY_LET(const HttpAnswer answer, asker_.get({.path = "/metrics", .body = {}, .headers = {}}));
    if (answer.status != 200)
      return fail(Code::denied, options_.url + "/metrics answers " + std::to_string(answer.status) +
                                    ": the token must be an administrator's, to send and to count what is repeated");
    TRY_LET(const MetricsText metrics, MetricsText::parse(answer.body));
    return static_cast<uint64_t>(std::llround(metrics.sum("waybill_store_taken_total", {{"outcome", "repeat"}})));
  }

  // Adds what came since it was last asked; a server that was started anew begins at none.
  void count_repeats() {
    const auto now = repeats();
    if (!now) return;  // the next time brings it
    if (*now > repeats_before_) at_.counts.repeats += *now - repeats_before_;
    repeats_before_ = *now;
  }

  Result<void> send_all() {
    for (; next_ < files_.size(); ++next_, already_ = 0) {
      TRY(send_file(files_[next_]));
      bytes_done_ += files_[next_].bytes;
    }
    count_repeats();
    return {};
  }

  Result<void> send_file(const FoundFile& file) {
    const std::string path = join_path(at_.folder, file.path);
    at_.file = file.path;
    at_.before = paths_before(next_);
    at_.lines = already_;
    TRY_LET(at_.head, head_of(path));
    const ImportCounts before = at_.counts;
    const auto take = [&](const SentSoFar& reached) {
      at_.lines = reached.lines;
      at_.counts.lines = before.lines;
      at_.counts.lines += reached.counts;
      if (!reached.last_position.empty()) at_.last_position = reached.last_position;
    };
    TRY_LET(const auto lines, open_lines({.path = path, .form = LinesForm::ndjson}));
    const ReplayOptions how{.url = options_.url,
                            .trust = options_.trust,
                            .speed = speed_max,
                            .batch = options_.batch,
                            .bearer = options_.bearer};
    TRY_LET(const SendOutcome sent, send_lines(*lines, already_,
                                               {.replay = how,
                                                .whose = file.path,
                                                .meter = meter_,
                                                .clock = clock_,
                                                .save =
                                                    [&](const SentSoFar& reached) {
                                                      take(reached);
                                                      count_repeats();
                                                      save();
                                                    },
                                                .share_done = share_done(),
                                                .stop = stop_}));
    take(sent.reached);
    if (stop_.stop_requested() || (sent.error && sent.error->code != Code::invalid)) {
      count_repeats();
      save();
      if (sent.error) return fail_in(file.path, *sent.error);
      return fail(Code::unavailable, "stopped behind line " + std::to_string(at_.lines) + " of " + file.path +
                                         "; the same command goes on there");
    }
    if (sent.error) {
      log::warning("a file is damaged", {{"file", file.path}, {"why", sent.error->message}});
      ++at_.counts.damaged;
    } else {
      ++at_.counts.files;
    }
    return {};
  }

  double share_done() const { return bytes_ == 0 ? 1 : static_cast<double>(bytes_done_) / static_cast<double>(bytes_); }

  // A folder that cannot be written to is no reason not to import: it is said once.
  void save() {
    if (broken_) return;
    if (auto written = write_file_atomically(system_files(), progress_path_, import_progress_json(at_)); !written) {
      broken_ = true;
      log::warning("the progress cannot be kept: after a break the import would start over",
                   {{"why", written.error().message}});
    }
  }

  const ImportOptions& options_;
  HttpClient& asker_;  // of the watching thread while lines are sent, else of ours
  Clock& clock_;
  const std::stop_token& stop_;
  const std::string progress_path_;
  std::vector<FoundFile> files_;  // by path
  size_t next_ = 0;
  uint64_t already_ = 0;  // lines of the next one
  uint64_t bytes_ = 0;
  uint64_t bytes_done_ = 0;
  ImportProgress at_;
  uint64_t repeats_before_ = 0;
  Meter meter_;
  bool broken_ = false;
};

}  // namespace

std::string import_text(const ImportCounts& counts) {
  const uint64_t lines = counts.lines.accepted + counts.lines.quarantined + counts.lines.refused;
  constexpr size_t text_max = 256;
  std::array<char, text_max> text{};
  const auto shown = [](uint64_t number) { return static_cast<unsigned long long>(number); };
  std::snprintf(text.data(), text.size(),
                "%llu files, %llu damaged · %llu lines: %llu accepted, %llu quarantined, %llu refused · %llu repeats",
                shown(counts.files), shown(counts.damaged), shown(lines), shown(counts.lines.accepted),
                shown(counts.lines.quarantined), shown(counts.lines.refused), shown(counts.repeats));
  return text.data();
}

std::string import_progress_json(const ImportProgress& progress) {
  wire::JsonWriter writer;
  const auto number = [&](const char* name, uint64_t value) { writer.key(name).integer(static_cast<int64_t>(value)); };
  writer.begin_object();
  number("waybill_import", 1);
  writer.key("folder").text(progress.folder).key("url").text(progress.url).key("before").text(progress.before);
  writer.key("file").text(progress.file);
  number("head_bytes", progress.head.bytes);
  writer.key("head").text(progress.head.hash);
  number("lines", progress.lines);
  number("files", progress.counts.files);
  number("damaged", progress.counts.damaged);
  number("accepted", progress.counts.lines.accepted);
  number("quarantined", progress.counts.lines.quarantined);
  number("refused", progress.counts.lines.refused);
  number("repeats", progress.counts.repeats);
  writer.key("last_position").text(progress.last_position).end_object();
  return writer.take() + '\n';
}

Result<ImportProgress> read_import_progress(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  uint64_t version = 0;
  ImportProgress progress;
  ImportCounts& counts = progress.counts;
  if (parser.parse(json.data(), json.size()).get(root) || root["waybill_import"].get(version) || version != 1)
    return fail(Code::invalid, "not an import's progress");
  for (const auto& [name, into] :
       std::initializer_list<std::pair<const char*, uint64_t*>>{{"head_bytes", &progress.head.bytes},
                                                                {"lines", &progress.lines},
                                                                {"files", &counts.files},
                                                                {"damaged", &counts.damaged},
                                                                {"accepted", &counts.lines.accepted},
                                                                {"quarantined", &counts.lines.quarantined},
                                                                {"refused", &counts.lines.refused},
                                                                {"repeats", &counts.repeats}})
    if (root[name].get(*into)) return fail(Code::invalid, "not an import's progress: " + std::string(name));
  for (const auto& [name, into] :
       std::initializer_list<std::pair<const char*, std::string*>>{{"folder", &progress.folder},
                                                                   {"url", &progress.url},
                                                                   {"before", &progress.before},
                                                                   {"file", &progress.file},
                                                                   {"head", &progress.head.hash},
                                                                   {"last_position", &progress.last_position}}) {
    std::string_view text;
    if (root[name].get(text)) return fail(Code::invalid, "not an import's progress: " + std::string(name));
    *into = text;
  }
  return progress;
}

Result<void> run_import(const ImportOptions& options, Clock& clock, const std::stop_token& stop) {
  TRY_LET(std::string folder, absolute_path(options.from));
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  TRY_LET(const auto asker,
          open_http_client({.url = options.url, .trust = options.trust, .bearer = options.bearer, .stop = stop}));
  auto imported = Import(options, std::move(folder), *asker, clock, stop).run();
  if (!imported) return fail_in("import", imported.error());
  return {};
}

}  // namespace waybill::app

#include "serve/audit.h"

#include <map>

#include "base/guarded.h"
#include "base/log.h"
#include "wire/json_out.h"

namespace waybill::serve {
namespace {

enum class Durable { no, yes };

struct Gathered {
  Time first{};
  uint64_t count = 0;
};

std::string line_of(const Denial& denial, const Gathered& gathered) {
  wire::JsonWriter json;
  json.begin_object().key("time").time(gathered.first).key("event").text("denied");
  json.key("address").text(denial.address).key("who").text(denial.who).key("what").text(denial.what);
  json.key("status").integer(denial.status).key("why").text(denial.why);
  json.key("count").integer(static_cast<int64_t>(gathered.count)).end_object();
  return json.take() + '\n';
}

class FileAudit final : public Audit {
 public:
  FileAudit(std::string folder, Files& files, Clock& clock, Metrics& metrics, std::unique_ptr<File> file, uint64_t size)
      : folder_(std::move(folder)),
        files_(files),
        clock_(clock),
        denied_(metrics.counter("waybill_audit_denied_total", "requests that were denied")),
        acted_(metrics.counter("waybill_audit_acts_total", "administrative acts")),
        failed_(metrics.counter("waybill_audit_failed_total", "audit lines that could not be written to the file")) {
    state_.with([&](State& state) {
      state.file = std::move(file);
      state.size = size;
    });
  }
  ~FileAudit() override { flush(); }

  void denied(const Denial& denial) override {
    denied_.add();
    state_.with([&](State& state) {
      const Time now = clock_.now();
      if (state.gathered.empty() || clock_.steady() - state.since >= audit_merge_ms) {
        write_gathered(state);
        state.since = clock_.steady();
      }
      Denial key = denial;
      if (state.gathered.size() >= audit_open_max && !state.gathered.contains(key))
        key = Denial{
            .address = {}, .who = {}, .what = "more denials than are told apart", .status = denial.status, .why = {}};
      Gathered& gathered = state.gathered[key];
      if (gathered.count++ == 0) gathered.first = now;
    });
  }

  void acted(const Principal& who, std::string_view address, std::string_view what, std::string_view on) override {
    acted_.add();
    wire::JsonWriter json;
    json.begin_object().key("time").time(clock_.now()).key("event").text("act").key("address").text(address);
    json.key("who").text(who.name()).key("credential").text(who.credential).key("what").text(what).key("on").text(on);
    json.end_object();
    state_.with([&](State& state) {
      write_gathered(state);
      write(state, json.take() + '\n', Durable::yes);
    });
  }

  void flush() override {
    state_.with([&](State& state) { write_gathered(state); });
  }

 private:
  struct Before {
    bool operator()(const Denial& a, const Denial& b) const {
      return std::tie(a.address, a.who, a.what, a.status, a.why) < std::tie(b.address, b.who, b.what, b.status, b.why);
    }
  };
  struct State {
    std::unique_ptr<File> file;
    uint64_t size = 0;
    std::map<Denial, Gathered, Before> gathered;
    std::chrono::steady_clock::time_point since;
  };

  std::string name(int number) const {
    return join_path(folder_, number == 0 ? "audit.ndjson" : "audit." + std::to_string(number) + ".ndjson");
  }

  void write_gathered(State& state) {
    std::string lines;
    for (const auto& [denial, gathered] : state.gathered) lines += line_of(denial, gathered);
    state.gathered.clear();
    if (!lines.empty()) write(state, lines, Durable::no);
  }

  void write(State& state, const std::string& lines, Durable durable) {
    Result<void> written = state.size + lines.size() > audit_file_bytes_max ? turn_over(state) : Result<void>();
    if (written) written = state.file->write_at(state.size, as_bytes(lines));
    if (written) state.size += lines.size();
    if (written && durable == Durable::yes) written = state.file->sync();
    if (written) return;
    failed_.add();
    log::error("the audit file cannot be written", {{"why", written.error().message}, {"line", lines}});
  }

  Result<void> turn_over(State& state) {
    TRY(state.file->sync());
    for (int number = audit_files_max - 1; number >= 1; --number)
      if (files_.info(name(number - 1))) TRY(files_.rename(name(number - 1), name(number)));
    TRY_LET(state.file, files_.open(name(0), OpenMode::create));
    state.size = 0;
    return files_.sync_folder(folder_);
  }

  const std::string folder_;
  Files& files_;
  Clock& clock_;
  Counter& denied_;
  Counter& acted_;
  Counter& failed_;
  Guarded<State> state_;
};

}  // namespace

Result<std::unique_ptr<Audit>> open_audit(const std::string& folder, Files& files, Clock& clock, Metrics& metrics) {
  const std::string path = join_path(folder, "audit.ndjson");
  auto file = files.open(path, files.info(path) ? OpenMode::read_write : OpenMode::create);
  if (!file) return fail_in("open the audit file", file.error());
  TRY_LET(const uint64_t size, (*file)->size());
  TRY(files.sync_folder(folder));
  return std::make_unique<FileAudit>(folder, files, clock, metrics, std::move(*file), size);
}

}  // namespace waybill::serve

#include "app/lake_queries.h"

#include <algorithm>
#include <future>

#include "app/answer_text.h"
#include "app/wiring.h"
#include "base/process.h"
#include "lake/catalog.h"
#include "transform/syntax.h"
#include "transform/tables.h"

namespace waybill::app {
namespace {

using transform::NamedTable;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Of all tables those that the engine is told of: the ones that the statement reads, or, where that cannot be said of it (SHOW,
// EXPLAIN, what makes no sense), all that may be read.
Result<std::vector<NamedTable>> wanted(std::vector<NamedTable> all, const Result<std::string>& syntax,
                                       const LakeQuestion& question) {
  std::set<std::string> read;
  if (syntax)
    for (const std::string& name : transform::tables_read(*syntax)) read.insert(lower(name));
  std::vector<NamedTable> named, readable;
  for (NamedTable& table : all) {
    const bool may = question.may_read(table.name);
    if (read.contains(table.name) && !may)
      return fail(Code::denied, table.name + ": may not be read by whom this is asked for");
    if (read.contains(table.name)) named.push_back(table);
    if (may) readable.push_back(std::move(table));
  }
  return named.empty() ? std::move(readable) : std::move(named);
}

// Files are fetched within the question's time.
class HurriedLoan final : public lake::Loan {
 public:
  HurriedLoan(std::unique_ptr<lake::Loan> loan, const transform::Limits& limits)
      : loan_(std::move(loan)), limits_(limits), begun_(system_clock().steady()) {}

  Result<std::string> path_of(const lake::DataFile& file) override {
    if (limits_.time_max.count() > 0 && system_clock().steady() - begun_ > limits_.time_max)
      return fail(Code::overloaded, "stopped: the lake's files are not fetched within " +
                                        std::to_string(limits_.time_max.count()) + " ms");
    if (limits_.stop.stop_requested()) return fail(Code::overloaded, "stopped: we were told to");
    return loan_->path_of(file);
  }

 private:
  const std::unique_ptr<lake::Loan> loan_;
  const transform::Limits& limits_;
  const std::chrono::steady_clock::time_point begun_;
};

constexpr int nice_steps = 15;

// What answers a question, and what has to be there until it is answered.
struct Asking {
  std::unique_ptr<lake::Objects> objects;
  std::unique_ptr<lake::Loan> loan;
  std::unique_ptr<transform::Engine> engine;
};

Result<Asking> locked_engine(const Config& config, const DataFolder& folder, lake::Copies& copies,
                             const LakeQuestion& question, const std::vector<std::string>& may_write) {
  Asking asking;
  TRY_LET(asking.objects, open_objects_to_read(config, folder, question.limits.stop));
  TRY_LET(const auto catalog, lake::open_catalog(*asking.objects, system_clock()));
  asking.loan = std::make_unique<HurriedLoan>(copies.borrow(*asking.objects), question.limits);
  TRY_LET(asking.engine, open_engine_of(config, folder, 0));
  const auto lake = catalog->now();
  TRY_LET(auto tables, wanted(transform::tables_of(*lake), asking.engine->syntax(question.sql), question));
  for (NamedTable& table : tables) {
    TRY(transform::place(table, *lake, *asking.loan));
    TRY(asking.engine->name_table(table));
  }
  TRY(asking.engine->lock(may_write));
  return asking;
}

}  // namespace

Result<transform::Answer> ask_lake(const Config& config, const DataFolder& folder, lake::Copies& copies,
                                   const LakeQuestion& question) {
  TRY_LET(const Asking asking, locked_engine(config, folder, copies, question, {}));
  return asking.engine->query(question.sql, question.limits);
}

Result<uint64_t> ask_lake_into(const Config& config, const DataFolder& folder, lake::Copies& copies,
                               const LakeQuestion& question, const std::string& path) {
  TRY_LET(const Asking asking, locked_engine(config, folder, copies, question, {path}));
  auto rows = asking.engine->query_into(question.sql, path, question.limits);
  // What it has written of it is of no use to anybody.
  if (!rows) [[maybe_unused]]
    const Result<void> removed = system_files().remove(path);
  return rows;
}

Result<std::string> LakeQueries::ask(const Principal& who, const std::string& sql, serve::AnswerForm form) {
  struct Turn {
    explicit Turn(std::atomic<uint64_t>& count) : running(count), before(count.fetch_add(1)) {}
    ~Turn() { running.fetch_sub(1); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    std::atomic<uint64_t>& running;
    const uint64_t before;
  };
  const Turn turn(running_);
  if (turn.before >= config_.query_at_once_max)
    return fail(Code::overloaded, "as many questions as may be asked at once are asked already (query.at_once_max)");
  const LakeQuestion question{
      .sql = sql,
      .limits = {.rows_max = config_.query_rows_max,
                 .bytes_max = query_answer_bytes_max,
                 .time_max = std::chrono::seconds(config_.query_seconds_max),
                 .stop = stop_.get_token()},
      .may_read = [&](const std::string& table) { return may_read(config_.query_grants, who.role, table); }};
  // All cores, behind those who bring locations and those who look: the engine's threads inherit what this one is.
  auto asking = std::async(std::launch::async, [&] {
    name_this_thread("query");
    let_others_run_first(nice_steps);
    return ask_lake(config_, folder_, copies_, question);
  });
  TRY_LET(const transform::Answer answer, asking.get());
  return form == serve::AnswerForm::csv ? csv_text(answer) : json_text(answer);
}

}  // namespace waybill::app

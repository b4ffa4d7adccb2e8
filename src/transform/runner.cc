#include "transform/runner.h"

#include <algorithm>
#include <charconv>

#include "lake/order_tables.h"
#include "lake/source.h"
#include "transform/checks.h"
#include "transform/plan.h"
#include "transform/sql_text.h"
#include "transform/syntax.h"

namespace waybill::transform {
namespace {

constexpr std::string_view role = "transform";
constexpr std::string_view raw_date_column = "fix_date";
constexpr uint64_t dictionary_values_max = 10'000;  // a column with more gains nothing by it, and costs the most
constexpr uint64_t runs_kept_max = 1000;  // in the ledger of runs

std::string list_of(const Dates& dates) {
  std::string list;
  for (const std::string& date : dates) list += (list.empty() ? "DATE '" : ", DATE '") + date + "'";
  return list;
}

class Runner {
 public:
  Runner(const Tables& tables, const Graph& graph, const std::map<std::string, std::vector<Column>>& raw,
         const RunOptions& options)
      : catalog_(tables.catalog),
        objects_(tables.objects),
        copies_(tables.copies),
        engine_(tables.engine),
        graph_(graph),
        raw_(raw),
        options_(options) {}

  Result<std::vector<ModelRun>> run() {
    TRY_LET(claim_, catalog_.claim(std::string(role)));
    TRY(engine_.run("SET preserve_insertion_order = false", limits()));
    for (const std::string_view zone : {"treated/", "final/"}) TRY(catalog_.remove_unnamed(std::string(zone)));
    TRY_LET(std::optional<lake::Change> of_orders,
            lake::make_order_tables(*catalog_.now(), objects_, std::string(role), claim_));
    if (of_orders) TRY(catalog_.commit(*std::move(of_orders)));
    std::vector<ModelRun> runs;
    for (size_t i = 0; i < graph_.models.size(); ++i) {
      const auto begun = system_clock().steady();
      auto ran = make(graph_.models[i], graph_.reads[i], runs);
      if (!ran) return fail_in(graph_.models[i].name, ran.error());
      ran->seconds = std::chrono::duration<double>(system_clock().steady() - begun).count();
      runs.push_back(*std::move(ran));
    }
    TRY(remove_with_content(system_files(), options_.scratch));
    loan_ = copies_.borrow(objects_);
    TRY(keep_ledger(runs));
    return runs;
  }

  Result<std::vector<TestRun>> test() {
    lake_ = catalog_.now();
    std::vector<TestRun> tests;
    for (size_t i = 0; i < graph_.models.size(); ++i) {
      const Model& model = graph_.models[i];
      if (lake_->of_table(model.name).empty()) continue;
      loan_ = copies_.borrow(objects_);
      for (const std::string& input : graph_.reads[i]) TRY(bind(input, nullptr));
      TRY(bind_referred(model, graph_.reads[i]));
      TRY(bind(model.name, nullptr));
      TRY_LET(const std::vector<CheckResult> results, check_rows(engine_, model, limits()));
      for (const CheckResult& result : results)
        tests.push_back({.model = model.name, .test = result.check, .failing = result.failing});
      options_.progress(model.name, 1);
    }
    return tests;
  }

 private:
  Limits limits() const { return {.stop = options_.stop}; }

  Result<ModelRun> make(const Model& model, const std::set<std::string>& reads, const std::vector<ModelRun>& before) {
    ModelRun run{.model = model.name};
    for (const ModelRun& other : before)
      if (reads.contains(other.model) && (other.made == Made::failed || other.made == Made::blocked)) {
        run.made = Made::blocked;
        run.why = other.model + (other.made == Made::failed ? " failed: " + other.why : " is blocked");
        return run;
      }
    lake_ = catalog_.now();
    loan_ = copies_.borrow(objects_);
    Plan plan = plan_of(*lake_, model, reads);
    TRY(add_touched(model, plan));
    ask_for_more(model, plan);
    if (!plan.whole && plan.dates.empty()) return as_it_was(run);
    if (plan.whole) {
      TRY(make_whole(model, reads, run));
    } else {
      TRY(make_dates(model, reads, plan.dates, run));
    }
    TRY(check(model, reads, plan.dates, run));
    return run;
  }

  // The dates that changed rows of inputs touch in the model's own way.
  Result<void> add_touched(const Model& model, Plan& plan) {
    const std::optional<uint64_t> made = made_version(*lake_, model);
    for (const auto& [input, sql] : model.touches) {
      NamedTable changed{.name = "changed." + input.substr(input.find('.') + 1)};
      for (const lake::DataFile* file : lake_->of_table(input))
        if (!made || file->changed > *made) {
          TRY_LET(changed.files.emplace_back(), loan_->path_of(*file));
        }
      if (changed.files.empty()) continue;
      TRY(engine_.name_table(changed));
      TRY_LET(const std::string syntax, engine_.syntax(sql));
      for (const std::string& table : tables_read(syntax))
        if (table != changed.name) TRY(bind(table, nullptr));
      const auto dates = engine_.query(sql, limits());
      if (!dates) return fail_in("touches of " + input, dates.error());
      for (const std::vector<Cell>& row : dates->rows)
        if (row.at(0)) plan.dates.insert(*row.at(0));
    }
    return {};
  }

  // Dates that were asked for, whether they changed or not.
  void ask_for_more(const Model& model, Plan& plan) const {
    if (options_.from.empty() && options_.to.empty()) return;
    plan.whole = model.partition.empty();
    for (const auto& [input, reach] : model.reach)
      for (const lake::DataFile* file : lake_->of_table(input))
        for (const std::string& date : dates_of(*file))
          if (date >= options_.from && (options_.to.empty() || date <= options_.to)) plan.dates.insert(date);
  }

  // Nothing is to be made; what failed stays failed.
  ModelRun as_it_was(ModelRun run) const {
    if (const auto found = lake_->properties.find("test." + run.model); found != lake_->properties.end()) {
      run.made = Made::failed;
      run.why = found->second;
    }
    return run;
  }

  const Model* model_of(const std::string& table) const {
    const auto found = std::ranges::find(graph_.models, table, &Model::name);
    return found == graph_.models.end() ? nullptr : &*found;
  }

  // The table's name stands for its rows in the lake that the model is made of; with dates: for those of them only.
  Result<void> bind(const std::string& table, const Dates* dates) { return bind(*lake_, table, dates); }
  Result<void> bind(const lake::Snapshot& lake, const std::string& table, const Dates* dates) {
    NamedTable named{.name = table};
    for (const lake::DataFile* file : lake.of_table(table)) {
      const Dates of_file = dates_of(*file);
      const auto wanted = [&](const std::string& date) { return dates->contains(date); };
      if (dates != nullptr && std::ranges::none_of(of_file, wanted)) continue;
      TRY_LET(named.files.emplace_back(), loan_->path_of(*file));
    }
    const Model* model = model_of(table);
    if (model != nullptr) {
      for (const ModelColumn& column : model->columns)
        named.columns.push_back({.name = column.name, .type = column.type});
    } else if (const auto known = raw_.find(table); known != raw_.end()) {
      named.columns = known->second;
    }
    // A file of a model has one date; others have rows of several.
    if (dates == nullptr || model != nullptr) return engine_.name_table(named);
    named.name = "files." + table.substr(table.find('.') + 1);
    TRY(engine_.name_table(named));
    return engine_.run("CREATE SCHEMA IF NOT EXISTS " + table.substr(0, table.find('.')) + "; CREATE OR REPLACE VIEW " +
                           table + " AS SELECT * FROM " + named.name + " WHERE " + std::string(raw_date_column) +
                           " IN (" + list_of(*dates) + ")",
                       limits());
  }

  Result<void> fresh_scratch() {
    TRY(remove_with_content(system_files(), options_.scratch));
    return system_files().make_folder(options_.scratch);
  }

  Result<void> make_whole(const Model& model, const std::set<std::string>& reads, ModelRun& run) {
    TRY(fresh_scratch());
    for (const std::string& input : reads) TRY(bind(input, nullptr));
    TRY_LET(lake::DataFile file, query_file(model, model.sql, ""));
    run.rows = file.rows;
    options_.progress(model.name, 1);
    return replace(model, {std::move(file)}, [](const lake::DataFile&) { return true; });
  }

  Result<void> make_dates(const Model& model, const std::set<std::string>& reads, const Dates& dates, ModelRun& run) {
    for (const Dates& part : parts_of(*lake_, model, dates, options_.rows_at_once_max)) {
      TRY(fresh_scratch());
      loan_ = copies_.borrow(objects_);  // what the part before has read may go
      for (const std::string& input : reads) TRY(bind_reached(model, input, part));
      const std::string folder = join_path(options_.scratch, "parts");
      TRY(engine_.run(
          "COPY (SELECT * FROM (" + model.sql + "\n) AS model WHERE " + model.partition + " IN (" + list_of(part) +
              ")) TO " + sql_literal(folder) +
              " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION V2, DICTIONARY_SIZE_LIMIT " +
              std::to_string(dictionary_values_max) + ", PARTITION_BY (" + model.partition +
              "), WRITE_PARTITION_COLUMNS)",
          limits()));
      TRY_LET(std::vector<lake::DataFile> files, put_parts(model, part, folder));
      for (const lake::DataFile& file : files) run.rows += file.rows;
      TRY(replace(model, std::move(files),
                  [&](const lake::DataFile& file) { return file.date.empty() || part.contains(file.date); }));
      run.dates += part.size();
      options_.progress(model.name, static_cast<double>(run.dates) / static_cast<double>(dates.size()));
    }
    return {};
  }

  Result<void> bind_reached(const Model& model, const std::string& input, const Dates& part) {
    const auto reach = model.reach.find(input);
    if (reach == model.reach.end()) return bind(input, nullptr);
    Dates needed;
    for (const std::string& date : part) add_around(needed, date, reach->second.before, reach->second.after);
    return bind(input, &needed);
  }

  // What the engine wrote, a folder a date. A date that has no rows any more gets a file without rows, so that whoever
  // reads it sees that it changed.
  Result<std::vector<lake::DataFile>> put_parts(const Model& model, const Dates& part, const std::string& folder) {
    std::vector<lake::DataFile> files;
    for (const std::string& date : part) {
      const std::string of_date = join_path(folder, model.partition + "=" + date);
      const auto written = system_files().list(of_date);
      if (!written && written.error().code != Code::not_found) return std::unexpected(written.error());
      if (!written) {
        TRY_LET(lake::DataFile file,
                query_file(model, "SELECT * FROM (" + model.sql + "\n) AS model WHERE FALSE", date));
        files.push_back(std::move(file));
        continue;
      }
      for (const FileInfo& info : *written) {
        TRY_LET(lake::DataFile file, put_file(model.name, date, join_path(of_date, info.name)));
        files.push_back(std::move(file));
      }
    }
    return files;
  }

  Result<lake::DataFile> query_file(const Model& model, const std::string& sql, const std::string& date) {
    const std::string path = join_path(options_.scratch, "whole.parquet");
    TRY(engine_.query_into(sql, path, limits()));
    TRY_LET(lake::DataFile file, put_file(model.name, date, path));
    TRY(system_files().remove(path));
    return file;
  }

  Result<lake::DataFile> put_file(const std::string& table, const std::string& date, const std::string& path) {
    TRY_LET(const Answer rows,
            engine_.query("SELECT SUM(num_rows) FROM parquet_file_metadata(" + sql_literal(path) + ")", limits()));
    lake::DataFile file{.table = table, .date = date};
    const std::string count = rows.rows.at(0).at(0).value_or("0");
    std::from_chars(count.data(), count.data() + count.size(), file.rows);
    file.key = table;
    file.key[table.find('.')] = '/';
    if (!date.empty()) file.key += "/date=" + date;
    // The claim is this run's alone, so the name is too.
    file.key += "/part-" + std::to_string(claim_) + '-' + std::to_string(++files_put_) + ".parquet";
    TRY_LET(const lake::Source source, lake::Source::of_file(system_files(), path));
    TRY_LET(file.crc32c, source.crc32c());
    TRY_LET(const FileInfo info, system_files().info(path));
    file.bytes = info.size;
    TRY(objects_.put_file(file.key, path, lake::IfThere::conflict));
    return file;
  }

  template <class Goes>
  Result<void> replace(const Model& model, std::vector<lake::DataFile> files, Goes goes) {
    lake::Change change{
        .role = std::string(role), .claim = claim_, .what = "transform " + model.name, .add = std::move(files)};
    for (const lake::DataFile* file : catalog_.now()->of_table(model.name))
      if (goes(*file)) change.remove.push_back(file->key);
    TRY(catalog_.commit(std::move(change)));
    return {};
  }

  Result<void> bind_referred(const Model& model, const std::set<std::string>& reads) {
    for (const ModelColumn& column : model.columns)
      if (const std::string table = column.refers_to.substr(0, column.refers_to.rfind('.'));
          !table.empty() && !reads.contains(table))
        TRY(bind(table, nullptr));
    return {};
  }

  // The model is done.
  Result<void> check(const Model& model, const std::set<std::string>& reads, const Dates& dates, ModelRun& run) {
    for (const std::string& input : reads) TRY(bind(input, model.reach.contains(input) ? &dates : nullptr));
    TRY(bind_referred(model, reads));
    TRY(bind(*catalog_.now(), model.name, model.partition.empty() ? nullptr : &dates));
    TRY_LET(const std::vector<CheckResult> results, check_rows(engine_, model, limits()));
    for (const CheckResult& result : results) {
      ledger_.push_back({.model = model.name, .result = result});
      if (result.failing > 0)
        run.why += (run.why.empty() ? "" : "; ") + result.check + ": " + std::to_string(result.failing) + " rows";
    }
    run.made = run.why.empty() ? Made::made : Made::failed;
    lake::Change change{
        .role = std::string(role),
        .claim = claim_,
        .what = "transform " + model.name + " tested",
        .set = {{made_property(model), made_text(lake_->version, model)}, {"test." + model.name, run.why}}};
    TRY(catalog_.commit(std::move(change)));
    return {};
  }

  Result<void> keep_ledger(const std::vector<ModelRun>& runs) {
    std::string made;
    for (const ModelRun& run : runs)
      if (run.made != Made::current)
        made += (made.empty() ? "(" : ", (") + std::to_string(claim_) + ", " + sql_literal(run.model) + ", " +
                sql_literal(to_string(run.made)) + ", " + std::to_string(run.rows) + ", " + std::to_string(run.dates) +
                ", " + sql_literal(run.why) + ")";
    std::string tested;
    for (const Tested& test : ledger_)
      tested += (tested.empty() ? "(" : ", (") + std::to_string(claim_) + ", " + sql_literal(test.model) + ", " +
                sql_literal(test.result.check) + ", " + std::to_string(test.result.failing) + ")";
    if (made.empty()) return {};
    lake::Change change{.role = std::string(role), .claim = claim_, .what = "transform done"};
    TRY(fresh_scratch());
    TRY(put_rows("treated.model_run", "run, model, outcome, made_rows, made_dates, why", made, change));
    if (!tested.empty()) TRY(put_rows("treated.test_result", "run, model, test, failing_rows", tested, change));
    TRY(catalog_.commit(std::move(change)));
    return remove_with_content(system_files(), options_.scratch);
  }

  // One file, of these rows and those of the runs before.
  Result<void> put_rows(const std::string& table, const std::string& columns, const std::string& values,
                        lake::Change& into) {
    const auto lake = catalog_.now();
    std::string rows = "SELECT " + columns + " FROM (VALUES " + values + ") AS rows_of_run(" + columns + ")";
    const std::vector<const lake::DataFile*> before = lake->of_table(table);
    for (const lake::DataFile* file : before) into.remove.push_back(file->key);
    if (!before.empty()) {
      TRY(bind(*lake, table, nullptr));
      const uint64_t oldest = claim_ > runs_kept_max ? claim_ - runs_kept_max : 0;
      rows += " UNION ALL SELECT " + columns + " FROM " + table + " WHERE run > " + std::to_string(oldest);
    }
    const std::string path = join_path(options_.scratch, table + ".parquet");
    TRY(engine_.query_into(rows, path, limits()));
    TRY_LET(lake::DataFile file, put_file(table, "", path));
    into.add.push_back(std::move(file));
    return {};
  }

  struct Tested {
    std::string model;
    CheckResult result;
  };

  lake::Catalog& catalog_;
  lake::Objects& objects_;
  lake::Copies& copies_;
  Engine& engine_;
  const Graph& graph_;
  const std::map<std::string, std::vector<Column>>& raw_;
  const RunOptions& options_;
  uint64_t claim_ = 0;
  uint64_t files_put_ = 0;
  std::unique_ptr<lake::Loan> loan_;  // what the model at hand reads
  std::shared_ptr<const lake::Snapshot> lake_;  // that the model at hand is made of; others may commit meanwhile
  std::vector<Tested> ledger_;
};

}  // namespace

std::string_view to_string(Made made) {
  switch (made) {
    case Made::current: return "current";
    case Made::made: return "made";
    case Made::failed: return "failed";
    case Made::blocked: return "blocked";
  }
  return "";
}

Result<std::vector<ModelRun>> run_models(const Tables& tables, const Graph& graph,
                                         const std::map<std::string, std::vector<Column>>& raw,
                                         const RunOptions& options) {
  TRY(tables.catalog.refresh());
  return Runner(tables, graph, raw, options).run();
}

Result<std::vector<TestRun>> test_models(const Tables& tables, const Graph& graph,
                                         const std::map<std::string, std::vector<Column>>& raw,
                                         const RunOptions& options) {
  return Runner(tables, graph, raw, options).test();
}

}  // namespace waybill::transform

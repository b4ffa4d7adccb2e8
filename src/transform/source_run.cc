#include "transform/source_run.h"

#include <algorithm>

#include "lake/source.h"
#include "transform/sql_text.h"

namespace waybill::transform {
namespace {

constexpr uint64_t raw_bytes_max = 16 << 20;  // of an input that is quarantined as a whole: more is not kept
constexpr size_t found_letters_max = 100;  // of a value in a reason

// What all values of a column so far have in common.
struct Facts {
  bool any = false;
  std::string declared{};  // by a file that has types of its own
  std::array<bool, inferred_types.size()> fits{};

  void add(const Facts& other) {
    if (!other.any) return;
    if (!any) {
      *this = other;
      return;
    }
    for (size_t i = 0; i < fits.size(); ++i) fits[i] = fits[i] && other.fits[i];
    if (declared.empty()) declared = other.declared;
  }
  std::string type() const {
    if (!declared.empty()) return declared;
    const auto first = std::ranges::find(fits, true);
    return std::string(first == fits.end() ? "VARCHAR"
                                           : inferred_types[static_cast<size_t>(std::distance(fits.begin(), first))]);
  }
};

struct NewInput {
  const SourceInput* input = nullptr;
  InputRecord record{};
  std::optional<InputRecord> before{};
  std::string wrong{};  // why it goes to quarantine as a whole
};

class Run {
 public:
  Run(const SourcePlace& place, const SourceTable& table, const SourceRunOptions& options)
      : catalog_(place.catalog), objects_(place.objects), engine_(place.engine), table_(table), options_(options) {}

  Result<SourceRun> run(const std::vector<SourceInput>& inputs) {
    TRY(catalog_.refresh());
    TRY(find_new(inputs));
    if (new_.empty()) return ran_;
    TRY_LET(ran_.run, catalog_.claim(table_.role()));
    lake_ = catalog_.now();
    if (options_.growing && growing_of(*lake_, table_) != options_.growing->from)
      return fail(Code::conflict, table_.text() + ": another run has read on meanwhile");
    for (const std::string& folder : {table_.folder(), table_.quarantine_folder()})
      TRY(catalog_.remove_unnamed(folder));
    TRY_LET(before_, contract_of(*lake_, table_));
    contract_ = before_;
    TRY(learn());
    change_ = {.role = table_.role(), .claim = ran_.run, .what = "source " + table_.text()};
    for (NewInput& input : new_) TRY(take(input));
    change_.set[contract_property(table_)] = contract_text(contract_);
    if (options_.growing) change_.set[growing_property(table_)] = options_.growing->to;
    TRY(catalog_.commit(std::move(change_)));
    TRY(remove_with_content(system_files(), options_.scratch));
    return std::move(ran_);
  }

 private:
  Limits limits() const { return {.stop = options_.stop}; }

  Result<void> find_new(const std::vector<SourceInput>& inputs) {
    for (const SourceInput& input : inputs) {
      TRY_LET(const lake::Source source, lake::Source::of_file(system_files(), input.path));
      NewInput found{.input = &input, .record = {.bytes = source.size()}};
      TRY_LET(found.record.crc32c, source.crc32c());
      TRY_LET(found.before, input_of(*catalog_.now(), table_, input.id));
      if (found.before && found.before->bytes == found.record.bytes && found.before->crc32c == found.record.crc32c)
        ++ran_.unchanged;
      else
        new_.push_back(std::move(found));
    }
    return {};
  }

  // Nothing where the input goes to quarantine as a whole.
  Result<std::optional<Staged>> stage(NewInput& input) {
    auto staged = stage_input(engine_, *input.input, limits());
    if (staged) return *std::move(staged);
    if (staged.error().code != Code::invalid) return std::unexpected(staged.error());
    input.wrong = staged.error().message;
    return std::nullopt;
  }

  // Types of the columns that the contract does not have yet.
  Result<void> learn() {
    Contract order;
    std::map<std::string, Facts> learned;
    for (NewInput& input : new_) {
      TRY_LET(const auto staged, stage(input));
      if (!staged) continue;
      input.wrong = wrong_columns(*staged, input);
      if (!input.wrong.empty()) continue;
      std::vector<Column> unknown;
      for (const Column& column : staged->columns)
        if (find_column(contract_, column.name) == nullptr) unknown.push_back(column);
      TRY_LET(const auto facts, facts_of(*staged, unknown));
      for (size_t i = 0; i < unknown.size(); ++i) {
        const Column* known = find_column(order, unknown[i].name);
        if (known == nullptr) order.push_back(unknown[i]);
        learned[known == nullptr ? unknown[i].name : known->name].add(facts[i]);
      }
    }
    for (const Column& column : order) {
      if (contract_.size() == source_columns_max) break;  // the inputs that have more are refused when they are taken
      const Column* declared = find_column(options_.declared, column.name);
      const Facts& facts = learned[column.name];
      // A column that never had a value has no type yet, and is not there.
      if (declared != nullptr || facts.any)
        contract_.push_back({.name = column.name, .type = declared != nullptr ? declared->type : facts.type()});
    }
    return {};
  }

  Result<std::vector<Facts>> facts_of(const Staged& staged, const std::vector<Column>& columns) {
    std::vector<Facts> facts(columns.size());
    if (columns.empty()) return facts;
    std::string select;
    for (size_t i = 0; i < columns.size(); ++i) {
      facts[i].declared = columns[i].type;
      facts[i].any = !columns[i].type.empty();
      if (staged.form == SourceForm::parquet) continue;
      const ValueSql value = staged.value(columns[i].name);
      select += (select.empty() ? "" : ", ") + ("count(" + value.text + ") > 0");
      for (const std::string_view type : inferred_types)
        select += ", coalesce(bool_and(" + fits_sql(type, value) + ") FILTER (" + value.text + " IS NOT NULL), true)";
    }
    if (select.empty()) return facts;
    TRY_LET(const Answer answer, engine_.query("SELECT " + select + " FROM " + staged.rows, limits()));
    size_t cell = 0;
    const auto next = [&] { return answer.rows.at(0).at(cell++) == "true"; };
    for (Facts& fact : facts) {
      fact.any = next();
      for (size_t i = 0; i < inferred_types.size(); ++i)
        fact.fits[i] = next() && (staged.form != SourceForm::csv || inferred_types[i] != "JSON");
    }
    return facts;
  }

  // What the columns of an input as a whole have against the contract that was there before.
  std::string wrong_columns(const Staged& staged, const NewInput& input) const {
    std::string wrong;
    const auto say = [&](const std::string& what) { wrong += (wrong.empty() ? "" : "; ") + what; };
    const bool may_lack = staged.form == SourceForm::json || staged.form == SourceForm::ndjson;
    for (const Column& known : before_) {
      const Column* found = find_column(staged.columns, known.name);
      const bool had = !input.before || find_column(as_columns(input.before->columns), known.name) != nullptr;
      if (found == nullptr && had && !may_lack) say("column " + known.name + " is missing");
    }
    for (const Column& column : staged.columns) {
      const Column* known = find_column(before_, column.name);
      if (known != nullptr && !column.type.empty() && column.type != known->type)
        say("column " + known->name + ": expected " + known->type + ", found " + column.type);
    }
    return wrong;
  }

  static Contract as_columns(const std::vector<std::string>& names) {
    Contract columns;
    for (const std::string& name : names) columns.push_back({.name = name, .type = ""});
    return columns;
  }

  Result<void> take(NewInput& input) {
    TRY(remove_with_content(system_files(), options_.scratch));
    TRY(system_files().make_folder(options_.scratch));
    ++ran_.inputs;
    ++part_;
    if (input.before)
      for (const std::string& key : input.before->keys)
        if (lake_->files.contains(key)) change_.remove.push_back(key);
    if (input.wrong.empty()) {
      TRY_LET(const auto staged, stage(input));
      if (staged) input.wrong = unlearned(*staged);
      if (staged && input.wrong.empty()) TRY(take_rows(*staged, input));
    }
    if (!input.wrong.empty()) TRY(refuse(input));
    change_.set[input_property(table_, input.input->id)] = input_text(input.record);
    return {};
  }

  // Two inputs of one run that do not go together, and a contract that is full.
  std::string unlearned(const Staged& staged) const {
    for (const Column& column : staged.columns) {
      const Column* known = find_column(contract_, column.name);
      if (known == nullptr && contract_.size() >= source_columns_max)
        return "column " + column.name + " is one more than " + std::to_string(source_columns_max);
      if (known != nullptr && !column.type.empty() && column.type != known->type)
        return "column " + known->name + ": expected " + known->type + ", found " + column.type;
    }
    return {};
  }

  Result<void> take_rows(const Staged& staged, NewInput& input) {
    std::string select;
    std::string wrong = staged.wrong_row;
    for (const Column& known : contract_) {
      const Column* column = find_column(staged.columns, known.name);
      if (column == nullptr) continue;
      input.record.columns.push_back(known.name);
      const std::string as = " AS " + sql_identifier(known.name);
      if (staged.form == SourceForm::parquet) {
        select += (select.empty() ? "" : ", ") + sql_identifier(column->name) + as;
        continue;
      }
      const ValueSql value = staged.value(column->name);
      select += (select.empty() ? "" : ", ") + typed_sql(known.type, value) + as;
      wrong += ", CASE WHEN " + value.text + " IS NOT NULL AND NOT " + fits_sql(known.type, value) + " THEN " +
               sql_literal(known.name + ": expected " + known.type + ", found ") + " || left(" +
               (value.json.empty() ? value.text : "CAST(" + value.json + " AS VARCHAR)") + ", " +
               std::to_string(found_letters_max) + ") END";
    }
    if (staged.form == SourceForm::parquet)
      return put_rows(select.empty() ? "" : "SELECT " + select + " FROM " + staged.rows, input);
    const std::string reason = "nullif(concat_ws('; ', " + wrong + "), '')";
    TRY(put_rows(select.empty() ? "" : "SELECT " + select + " FROM " + staged.rows + " WHERE " + reason + " IS NULL",
                 input));
    std::string bad = "SELECT " + reason + " AS reason, " + staged.raw + " AS raw FROM " + staged.rows + " WHERE " +
                      reason + " IS NOT NULL";
    if (!staged.rejects.empty()) bad += " UNION ALL (" + staged.rejects + ")";
    return put_quarantine("SELECT reason, encode(raw) AS raw FROM (" + bad + ")", input);
  }

  Result<void> put_rows(const std::string& select, NewInput& input) {
    if (select.empty()) return {};
    TRY_LET(const uint64_t rows, put(select, table_.name(), table_.folder(), input));
    ran_.rows += rows;
    return {};
  }

  Result<void> put_quarantine(const std::string& select, NewInput& input) {
    TRY_LET(const uint64_t rows,
            put("SELECT CAST(" + std::to_string(ran_.run) + " AS BIGINT) AS run, " + sql_literal(input.input->id) +
                    " AS input, CAST(reason AS VARCHAR) AS reason, CAST(raw AS BLOB) AS raw FROM (" + select + ")",
                table_.quarantine_name(), table_.quarantine_folder(), input));
    ran_.quarantined += rows;
    return {};
  }

  // A file of the lake, where there are rows; how many.
  Result<uint64_t> put(const std::string& select, const std::string& name, const std::string& folder, NewInput& input) {
    const std::string path = join_path(options_.scratch, "part.parquet");
    TRY_LET(const uint64_t rows, engine_.query_into(select, path, limits()));
    if (rows > 0) {
      lake::DataFile file{
          .key = folder + "run=" + std::to_string(ran_.run) + "/part-" + std::to_string(part_) + ".parquet",
          .table = name,
          .rows = rows};
      TRY_LET(const lake::Source source, lake::Source::of_file(system_files(), path));
      file.bytes = source.size();
      TRY_LET(file.crc32c, source.crc32c());
      TRY(objects_.put_file(file.key, path, lake::IfThere::conflict));
      input.record.keys.push_back(file.key);
      change_.add.push_back(std::move(file));
    }
    TRY(system_files().remove(path));
    return rows;
  }

  Result<void> refuse(NewInput& input) {
    std::string reason = "the whole input: " + input.wrong;
    std::string raw = content_sql(*input.input);
    if (input.record.bytes > raw_bytes_max) {
      raw = "NULL";
      reason += "; it is not kept here, it has more than " + std::to_string(raw_bytes_max) + " bytes";
    }
    ran_.refused.push_back(input.input->id + ": " + input.wrong);
    input.record.columns.clear();
    return put_quarantine("SELECT " + sql_literal(reason) + " AS reason, " + raw + " AS raw", input);
  }

  lake::Catalog& catalog_;
  lake::Objects& objects_;
  Engine& engine_;
  const SourceTable& table_;
  const SourceRunOptions& options_;
  std::shared_ptr<const lake::Snapshot> lake_;  // when the run was claimed
  std::vector<NewInput> new_;
  Contract before_;
  Contract contract_;
  lake::Change change_;
  uint64_t part_ = 0;
  SourceRun ran_;
};

}  // namespace

Result<SourceRun> run_source(const SourcePlace& place, const SourceTable& table, const std::vector<SourceInput>& inputs,
                             const SourceRunOptions& options) {
  return Run(place, table, options).run(inputs);
}

Result<uint64_t> forget_source(lake::Catalog& catalog, const SourceTable& table) {
  TRY_LET(const uint64_t claim, catalog.claim(table.role()));
  lake::Change change{.role = table.role(), .claim = claim, .what = "source " + table.text() + " forgotten"};
  const auto lake = catalog.now();
  for (const std::string& name : {table.name(), table.quarantine_name()})
    for (const lake::DataFile* file : lake->of_table(name)) change.remove.push_back(file->key);
  for (const auto& [property, value] : lake->properties)
    if (is_property_of(table, property)) change.set[property] = "";
  const uint64_t files = change.remove.size();
  TRY(catalog.commit(std::move(change)));
  return files;
}

}  // namespace waybill::transform

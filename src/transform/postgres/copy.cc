#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "transform/postgres/postgres.h"

namespace waybill::transform {
namespace {

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  void operator()(char* text) const { PQfreemem(text); }
};
template <class T>
using Held = std::unique_ptr<T, Closer>;

std::string one_line(std::string_view said) {
  while (!said.empty() && said.back() == '\n') said.remove_suffix(1);
  std::string text(said);
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

// What a class of SQLSTATE asks of us.
Code code_of(std::string_view state) {
  if (state.starts_with("28") || state == "42501") return Code::denied;
  if (state.starts_with("42") || state.starts_with("22") || state.starts_with("3")) return Code::invalid;
  return Code::unavailable;
}

class Copy {
 public:
  explicit Copy(const PostgresOptions& options) : options_(options) {}

  Result<PostgresCopy> run(const std::function<Result<void>(Bytes piece)>& take) {
    TRY(connect());
    // One state of the database for all that is asked.
    TRY(
        command("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1; "
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    PostgresCopy copy{.columns = {}, .to = options_.from};
    TRY_LET(const std::string relation, read_columns(copy.columns));
    std::string where;
    if (!options_.growing.empty()) {
      TRY_LET(where, above(relation, copy));
    }
    if (options_.growing.empty() || copy.to != options_.from) TRY(copy_out(relation, where, take, copy));
    TRY(command("COMMIT"));
    return copy;
  }

 private:
  Result<void> connect() {
    char* why = nullptr;
    const Held<PQconninfoOption> given(PQconninfoParse(options_.uri.c_str(), &why));
    const Held<char> said(why);
    if (!given) return fail(Code::invalid, "the database's URI: " + one_line(why != nullptr ? why : ""));
    std::string host;
    std::string mode;
    for (const PQconninfoOption* one = given.get(); one->keyword != nullptr; ++one) {
      if (one->val == nullptr) continue;
      const std::string_view keyword = one->keyword;
      if (keyword == "host") host = one->val;
      if (keyword == "sslmode") mode = one->val;
      if (keyword == "password" || keyword == "hostaddr" || keyword == "service" || keyword == "passfile")
        return fail(Code::invalid, "the database's URI: expected no " + std::string(keyword) + " in it");
    }
    TRY_LET(const std::string address, options_.address(host));
    constexpr const char* authorities = "/etc/ssl/certs/ca-certificates.crt";
    const bool local = address.starts_with("127.") || address == "::1";
    if (mode.empty()) mode = local ? "prefer" : "verify-full";
    const std::string ca_file = options_.ca_file.empty() ? authorities : options_.ca_file;
    std::vector<const char*> keys = {"dbname", "hostaddr", "connect_timeout", "application_name", "client_encoding"};
    std::vector<const char*> values = {options_.uri.c_str(), address.c_str(), "10", "waybill", "UTF8"};
    const auto add = [&](const char* key, const std::string& value) {
      keys.push_back(key);
      values.push_back(value.c_str());
    };
    if (!options_.password.empty()) add("password", options_.password);
    add("sslmode", mode);
    if (!local || mode.starts_with("verify") || !options_.ca_file.empty()) add("sslrootcert", ca_file);
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(PQconnectdbParams(keys.data(), values.data(), 1));
    if (PQstatus(connection_.get()) == CONNECTION_OK) return {};
    const bool refused =
        PQconnectionNeedsPassword(connection_.get()) != 0 || PQconnectionUsedPassword(connection_.get()) != 0;
    return fail(refused ? Code::denied : Code::unavailable, "the database: " + words());
  }

  std::string words() const { return one_line(PQerrorMessage(connection_.get())); }

  Error error_of(const PGresult* result) const {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return {code_of(state != nullptr ? state : ""),
            "the database: " + (message != nullptr ? one_line(message) : words())};
  }

  Result<Held<PGresult>> ask(const std::string& statement, const std::vector<std::string>& parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    Held<PGresult> result(PQexecParams(connection_.get(), statement.c_str(), static_cast<int>(values.size()), nullptr,
                                       values.data(), nullptr, nullptr, 0));
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return std::unexpected(error_of(result.get()));
    return result;
  }

  Result<void> command(const char* statements) {
    const Held<PGresult> result(PQexec(connection_.get(), statements));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return std::unexpected(error_of(result.get()));
    return {};
  }

  Result<std::string> quoted(const std::string& name) {
    const Held<char> text(PQescapeIdentifier(connection_.get(), name.c_str(), name.size()));
    if (!text) return fail(Code::invalid, "the database: " + words());
    return std::string(text.get());
  }

  // Its name as SQL has it.
  Result<std::string> read_columns(std::vector<Column>& columns) {
    const size_t dot = options_.relation.find('.');
    std::string relation;
    if (dot != std::string::npos) {
      TRY_LET(const std::string schema, quoted(options_.relation.substr(0, dot)));
      relation = schema + '.';
    }
    TRY_LET(const std::string table,
            quoted(dot == std::string::npos ? options_.relation : options_.relation.substr(dot + 1)));
    relation += table;
    TRY_LET(const auto rows, ask("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
                                 "CAST($1 AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                                 {relation}));
    for (int row = 0; row < PQntuples(rows.get()); ++row)
      columns.push_back({.name = PQgetvalue(rows.get(), row, 0), .type = type_of(PQgetvalue(rows.get(), row, 1))});
    if (columns.empty()) return fail(Code::invalid, "the database: " + options_.relation + " has no columns");
    return relation;
  }

  static std::string type_of(const std::string& theirs) {
    constexpr auto types = std::to_array<std::pair<std::string_view, std::string_view>>({
        {"boolean", "BOOLEAN"},
        {"smallint", "BIGINT"},
        {"integer", "BIGINT"},
        {"bigint", "BIGINT"},
        {"real", "DOUBLE"},
        {"double precision", "DOUBLE"},
        {"date", "DATE"},
        {"json", "JSON"},
        {"jsonb", "JSON"},
    });
    for (const auto& [name, ours] : types)
      if (theirs == name) return std::string(ours);
    if (theirs.starts_with("timestamp")) return "TIMESTAMP";
    int digits = 0;
    constexpr std::string_view numeric = "numeric(";
    constexpr int digits_max = 38;
    if (theirs.starts_with(numeric))
      std::from_chars(theirs.data() + numeric.size(), theirs.data() + theirs.size(), digits);
    if (digits > 0 && digits <= digits_max && !theirs.contains('-')) return "DECIMAL(" + theirs.substr(numeric.size());
    return "VARCHAR";
  }

  // The condition for the rows above `from`, and up to the highest there is.
  Result<std::string> above(const std::string& relation, PostgresCopy& copy) {
    TRY_LET(const std::string column, quoted(options_.growing));
    std::string where;
    if (!options_.from.empty()) {
      TRY_LET(const std::string from, literal(options_.from));
      where = " WHERE " + column + " > " + from;
    }
    TRY_LET(const auto highest, ask("SELECT CAST(max(" + column + ") AS text) FROM " + relation + where, {}));
    if (PQgetisnull(highest.get(), 0, 0) != 0) return where;
    copy.to = PQgetvalue(highest.get(), 0, 0);
    TRY_LET(const std::string to, literal(copy.to));
    return where + (where.empty() ? " WHERE " : " AND ") + column + " <= " + to + " ORDER BY " + column;
  }

  Result<std::string> literal(const std::string& value) {
    const Held<char> text(PQescapeLiteral(connection_.get(), value.c_str(), value.size()));
    if (!text) return fail(Code::invalid, "the database: " + words());
    return std::string(text.get());
  }

  Result<void> copy_out(const std::string& relation, const std::string& where,
                        const std::function<Result<void>(Bytes piece)>& take, PostgresCopy& copy) {
    std::string select;
    for (const Column& column : copy.columns) {
      TRY_LET(const std::string name, quoted(column.name));
      select += (select.empty() ? "" : ", ") + ("CAST(" + name + " AS text) AS " + name);
    }
    const Held<PGresult> begun(PQexec(
        connection_.get(),
        ("COPY (SELECT " + select + " FROM " + relation + where + ") TO STDOUT (FORMAT csv, HEADER true)").c_str()));
    if (PQresultStatus(begun.get()) != PGRES_COPY_OUT) return std::unexpected(error_of(begun.get()));
    uint64_t lines = 0;  // that of names included
    while (true) {
      char* piece = nullptr;
      const int size = PQgetCopyData(connection_.get(), &piece, 1);
      const Held<char> held(piece);
      if (size == 0) {
        TRY(wait());
        continue;
      }
      if (size < 0) break;
      ++lines;
      TRY(take(as_bytes(std::string_view(piece, static_cast<size_t>(size)))));
    }
    copy.rows = lines > 0 ? lines - 1 : 0;
    while (const Held<PGresult> end{PQgetResult(connection_.get())})
      if (PQresultStatus(end.get()) != PGRES_COMMAND_OK) return std::unexpected(error_of(end.get()));
    return {};
  }

  Result<void> wait() {
    constexpr int look_ms = 200;
    pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    ::poll(&socket, 1, look_ms);
    if (options_.stop.stop_requested()) return fail(Code::unavailable, "the database: we were told to stop");
    if (PQconsumeInput(connection_.get()) == 0) return fail(Code::unavailable, "the database: " + words());
    return {};
  }

  const PostgresOptions& options_;
  Held<PGconn> connection_;
};

Result<PostgresCopy> copy(const PostgresOptions& options, const std::function<Result<void>(Bytes piece)>& take) {
  return Copy(options).run(take);
}

}  // namespace

const Postgres waybill_transform_postgres = {.copy = copy};

}  // namespace waybill::transform

#include "app/access_commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

#include "app/subcommands.h"
#include "app/wiring.h"
#include "ingest/accept.h"
#include "ingest/subscribe.h"
#include "serve/credentials.h"
#include "serve/http.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/time_text.h"

namespace waybill::app {
namespace {

const Principal console{.role = Role::admin, .subject = "console", .credential = {}};

// The platform's parts while no process serves: what is said of credentials goes the same way as when one does.
Result<void> keep_by_ourselves(const Config& config, const DataFolder& folder, const Grant& grant) {
  const auto metrics = make_metrics();
  Health health;
  ingest::Progress progress;
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const auto store, open_store_of(config, folder));
  TRY(ingest::check_agreement(*journal, *store));
  ingest::Acceptor acceptor(*journal, *metrics);
  ingest::Subscriber subscriber(*journal, *store, progress, health, system_clock(), *metrics);
  const wire::Record record = grant;
  TRY(acceptor.accept({&record, 1}));
  TRY(journal->commit());
  for (;;) {
    TRY_LET(const size_t put, subscriber.step());
    if (put == 0) break;
  }
  return store->flush();
}

// By the process that serves the folder where there is one, else by this one.
struct Ways {
  std::function<Result<std::string>()> ask;                       // the answer's text
  std::function<Result<std::string>(const DataFolder&)> ourselves;  // what to print
};

Result<std::string> either_way(const Config& config, const Ways& ways) {
  const auto folder = open_own_folder(config.data, system_files());
  if (folder) return ways.ourselves(*folder);
  if (folder.error().code != Code::conflict) return std::unexpected(folder.error());
  return ways.ask();
}

// ---- token

struct TokenFlags {
  std::string role = "deliverer";
  std::string subject;
  std::string note;
  std::string id;
  int days = 0;
};

Result<std::string> make_key(const Config& config) {
  TRY_LET(const std::string path, serve::make_token_key(config.keys_folder(), system_clock().now()));
  return "made " + path + "; a process that runs takes it at its next start. Tokens are needed from then on";
}

Result<std::string> issue(const Config& config, const TokenFlags& flags) {
  const auto role = parse_role(flags.role);
  if (!role) return fail(Code::invalid, "--role: expected deliverer, customer, service, operator, admin or analyst");
  const auto ask = [&]() -> Result<std::string> {
    wire::JsonWriter json;
    json.begin_object().key("role").text(flags.role).key("note").text(flags.note);
    if (!flags.subject.empty()) json.key("subject").text(flags.subject);
    if (flags.days > 0) json.key("days").integer(flags.days);
    json.end_object();
    return asked(config, Ask::post, "/v1/tokens", json.take());
  };
  const auto ourselves = [&](const DataFolder& folder) -> Result<std::string> {
    if (!serve::has_token_key(config.keys_folder()))
      TRY(serve::make_token_key(config.keys_folder(), system_clock().now()));
    TRY_LET(const auto tokens, serve::open_tokens(config.keys_folder()));
    const Time now = system_clock().now();
    serve::TokenWish wish{.role = *role, .subject = flags.subject, .expires_at = {}, .note = flags.note};
    if (flags.days > 0) wish.expires_at = now + std::chrono::days(flags.days);
    TRY_LET(const serve::Issued issued, serve::issue_token(*tokens, wish, console, now));
    TRY(keep_by_ourselves(config, folder, issued.grant));
    wire::JsonWriter json;
    json.begin_object().key("token").text(issued.secret).key("id").text(issued.grant.id).end_object();
    return json.take();
  };
  return either_way(config, {.ask = ask, .ourselves = ourselves});
}

Result<std::string> revoke(const Config& config, Grant::Kind kind, const std::string& path, const std::string& id) {
  const auto ask = [&] { return asked(config, Ask::remove, path + id); };
  const auto ourselves = [&](const DataFolder& folder) -> Result<std::string> {
    TRY(keep_by_ourselves(config, folder, serve::take_back(kind, id, console, system_clock().now())));
    return std::string(R"({"status":"OK"})");
  };
  return either_way(config, {.ask = ask, .ourselves = ourselves});
}

struct ListRow {
  std::string kind, id, role, subject, state, note;
};

void print_row(const ListRow& row) {
  std::printf("%-9s %-34s %-10s %-16s %-28s %s\n", row.kind.c_str(), row.id.c_str(), row.role.c_str(),
              row.subject.c_str(), row.state.c_str(), row.note.c_str());
}

ListRow row_of(const Access& access) {
  const Grant& grant = access.given;
  std::string state = "holds";
  if (access.revoked_at)
    state = "revoked by " + access.revoked_by;
  else if (!access.holds_at(system_clock().now()))
    state = "expired";
  return {std::string(to_string(grant.kind)),
          grant.id,
          std::string(to_string(grant.role)),
          grant.subject,
          state,
          grant.note};
}

// A row as the API tells it.
ListRow row_of(std::string_view object) {
  ListRow row{.kind = {}, .id = {}, .role = {}, .subject = {}, .state = "holds", .note = {}};
  for (auto& [name, value] : wire::text_members(object)) {
    if (name == "kind") row.kind = value;
    if (name == "id") row.id = value;
    if (name == "role") row.role = value;
    if (name == "subject") row.subject = value;
    if (name == "note") row.note = value;
    if (name == "revoked_by") row.state = "revoked by " + value;
    const auto expires = name == "expires_at" ? wire::parse_time(value) : std::nullopt;
    if (expires && expires->time <= system_clock().now() && row.state == "holds") row.state = "expired";
  }
  return row;
}

// Prints the page; where the next begins.
Result<std::string> print_page(const std::string& answer) {
  wire::JsonChecker checker;
  TRY(checker.check(answer));
  std::string next;
  for (auto& [name, value] : wire::text_members(answer))
    if (name == "next_cursor") next = value;
  wire::JsonWalk members(answer);
  std::string_view literal, value, element;
  while (members.next_member(literal, value)) {
    if (literal != "\"credentials\"") continue;
    wire::JsonWalk rows(value);
    while (rows.next_element(element)) print_row(row_of(element));
  }
  return next;
}

Result<std::string> list(const Config& config) {
  print_row({"kind", "id", "role", "whose", "state", "note"});
  const auto ask = [&]() -> Result<std::string> {
    std::string cursor;
    do {
      TRY_LET(const std::string page, asked(config, Ask::get, "/v1/tokens?limit=1000" + cursor));
      TRY_LET(cursor, print_page(page));
      if (!cursor.empty()) cursor.insert(0, "&cursor=");
    } while (!cursor.empty());
    return std::string();
  };
  const auto ourselves = [&](const DataFolder& folder) -> Result<std::string> {
    TRY_LET(const auto store, open_store_to_read(config, folder));
    store::AccessQuery query{.kind = {}, .limit = store::accesses_limit_max, .cursor = {}};
    do {
      TRY_LET(store::AccessPage page, store->accesses(query));
      for (const Access& access : page.accesses) print_row(row_of(access));
      query.cursor = std::move(page.next_cursor);
    } while (!query.cursor.empty());
    return std::string();
  };
  return either_way(config, {.ask = ask, .ourselves = ourselves});
}

// ---- user

struct UserFlags {
  std::string name;
  std::string role = "operator";
};

// One line of standard input: a password does not stand in the list of processes or in the shell's history.
Result<std::string> read_password() {
  std::fprintf(stderr, "password (one line, at least %zu bytes): ", serve::password_bytes_min);
  std::string line;
  if (!std::getline(std::cin, line)) return fail(Code::invalid, "expected a password as one line of standard input");
  return line;
}

Result<std::string> set_user(const Config& config, const UserFlags& flags) {
  const auto role = parse_role(flags.role);
  if (!role) return fail(Code::invalid, "--role: expected operator or admin");
  TRY_LET(const std::string password, read_password());
  const auto ask = [&]() -> Result<std::string> {
    wire::JsonWriter json;
    json.begin_object().key("role").text(flags.role).key("password").text(password).end_object();
    return asked(config, Ask::put, "/v1/users/" + flags.name, json.take());
  };
  const auto ourselves = [&](const DataFolder& folder) -> Result<std::string> {
    TRY_LET(const Grant grant, serve::set_password(flags.name, *role, password, console, system_clock().now()));
    TRY(keep_by_ourselves(config, folder, grant));
    return std::string(R"({"status":"OK"})");
  };
  return either_way(config, {.ask = ask, .ourselves = ourselves});
}

// ---- link

struct LinkFlags {
  std::string order;
  int hours = serve::link_hours_usual;
};

Result<std::string> make_link(const Config& config, const LinkFlags& flags) {
  const auto ask = [&]() -> Result<std::string> {
    wire::JsonWriter json;
    json.begin_object().key("hours").integer(flags.hours).end_object();
    return asked(config, Ask::post, "/v1/orders/" + serve::percent_encoded(flags.order) + "/links", json.take());
  };
  const auto ourselves = [&](const DataFolder&) -> Result<std::string> {
    return fail(Code::unavailable, "no waybill process serves " + config.data + ": start it, then make the link");
  };
  return either_way(config, {.ask = ask, .ourselves = ourselves});
}

}  // namespace

Result<std::string> deliverers_token(const Config& config, const std::string& deliverer, int days) {
  const TokenFlags flags{
      .role = std::string(to_string(Role::deliverer)), .subject = deliverer, .note = "phone", .id = {}, .days = days};
  TRY_LET(const std::string answer, issue(config, flags));
  for (auto& [name, value] : wire::text_members(answer))
    if (name == "token") return std::move(value);
  return fail(Code::unavailable, "the process that serves " + config.data + " made no token");
}

Run add_token(CLI::App& command) {
  command.require_subcommand(1);
  const auto chosen = std::make_shared<Run>();
  const auto flags = std::make_shared<TokenFlags>();
  below(
      command, "key", "make a key that signs tokens; with the first one tokens are needed", chosen, [](CLI::App&) {},
      [](const Config& config) { return print(make_key(config)); });
  below(
      command, "issue", "make a token; it is printed once and kept nowhere", chosen,
      [flags](CLI::App& issue) {
        issue.add_option("--role", flags->role, "deliverer, customer, service, operator, admin or analyst")
            ->capture_default_str();
        issue.add_option("--subject", flags->subject, "a deliverer's id, of a customer the order's, else a name");
        issue.add_option("--days", flags->days, "how long it holds; for good where not given")
            ->check(CLI::Range(1, serve::token_days_max));
        issue.add_option("--note", flags->note, "for people");
      },
      [flags](const Config& config) { return print(issue(config, *flags)); });
  below(
      command, "list", "every token, link and user, and whether it holds", chosen, [](CLI::App&) {},
      [](const Config& config) {
        const auto listed = list(config);
        return listed ? 0 : failed(listed.error());
      });
  below(
      command, "revoke", "take a token back", chosen,
      [flags](CLI::App& revoke) {
        revoke.add_option("id", flags->id, "the token's id, as issue and list print it")->required();
      },
      [flags](const Config& config) { return print(revoke(config, Grant::Kind::token, "/v1/tokens/", flags->id)); });
  return [chosen] { return (*chosen)(); };
}

Run add_user(CLI::App& command) {
  command.require_subcommand(1);
  const auto chosen = std::make_shared<Run>();
  const auto flags = std::make_shared<UserFlags>();
  const auto name = [flags](CLI::App& user) { user.add_option("name", flags->name, "the person's name")->required(); };
  below(
      command, "set", "set a password, read from standard input", chosen,
      [flags, name](CLI::App& set) {
        name(set);
        set.add_option("--role", flags->role, "operator or admin")->capture_default_str();
      },
      [flags](const Config& config) { return print(set_user(config, *flags)); });
  below(command, "remove", "let somebody no longer log in", chosen, name, [flags](const Config& config) {
    return print(revoke(config, Grant::Kind::password, "/v1/users/", flags->name));
  });
  return [chosen] { return (*chosen)(); };
}

Run add_link(CLI::App& command) {
  const auto config_flags = std::make_shared<ConfigFlags>(command);
  const auto flags = std::make_shared<LinkFlags>();
  command.add_option("order", flags->order, "the order's id")->required();
  command.add_option("--hours", flags->hours, "how long it holds")
      ->capture_default_str()
      ->check(CLI::Range(1, serve::link_hours_max));
  return [config_flags, flags] {
    const auto config = config_of(*config_flags);
    return config ? print(make_link(*config, *flags)) : failed(config.error());
  };
}

}  // namespace waybill::app

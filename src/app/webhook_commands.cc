#include "app/webhook_commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/subcommands.h"
#include "serve/http.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

struct Flags {
  std::string url;
  std::vector<std::string> events;
  std::string note;
  std::string id;
  std::string from;
  std::string state;
};

// Webhooks are told by the process that serves: it is asked for all that concerns them.
std::string path_of(const std::string& id, const std::string& what = {}) {
  return "/v1/webhooks/" + serve::percent_encoded(id) + what;
}

Result<std::string> add(const Config& config, const Flags& flags) {
  wire::JsonWriter json;
  json.begin_object().key("url").text(flags.url).key("note").text(flags.note);
  if (!flags.events.empty()) {
    json.key("events").begin_array();
    for (const std::string& event : flags.events) json.text(event);
    json.end_array();
  }
  json.end_object();
  return asked(config, Ask::post, "/v1/webhooks", json.take());
}

Result<std::string> replay(const Config& config, const Flags& flags) {
  wire::JsonWriter json;
  json.begin_object().key("from").text(flags.from).end_object();
  return asked(config, Ask::post, path_of(flags.id, "/replay"), json.take());
}

// The elements of the answer's one list, a line each.
Result<std::string> lines_of(const Result<std::string>& answer) {
  if (!answer) return answer;
  wire::JsonChecker checker;
  TRY(checker.check(*answer));
  std::string lines;
  wire::JsonWalk members(*answer);
  for (std::string_view name, value, element; members.next_member(name, value);) {
    if (wire::kind_of(value) != wire::JsonKind::array) continue;
    wire::JsonWalk elements(value);
    while (elements.next_element(element)) lines.append(lines.empty() ? "" : "\n").append(element);
  }
  return lines;
}

}  // namespace

Run add_webhook(CLI::App& command) {
  command.require_subcommand(1);
  const auto chosen = std::make_shared<Run>();
  const auto flags = std::make_shared<Flags>();
  const auto id = [flags](CLI::App& below) {
    below.add_option("id", flags->id, "the webhook's id, as add and list print it")->required();
  };
  below(
      command, "add", "tell a URL what happens; prints the secret that its requests are signed with", chosen,
      [flags](CLI::App& add) {
        add.add_option("url", flags->url, "https://…")->required();
        add.add_option("--events", flags->events,
                       "location, correction, state, assigned, silent, heard; without it the last four")
            ->delimiter(',');
        add.add_option("--note", flags->note, "for people");
      },
      [flags](const Config& config) { return print(add(config, *flags)); });
  below(
      command, "list", "every webhook, how far it has been told, and what went wrong", chosen, [](CLI::App&) {},
      [](const Config& config) { return print(lines_of(asked(config, Ask::get, "/v1/webhooks"))); });
  below(
      command, "log", "the newest attempts to tell it something, newest first", chosen,
      [flags, id](CLI::App& log) {
        id(log);
        log.add_option("--state", flags->state, "delivered, failed or given_up");
      },
      [flags](const Config& config) {
        const std::string state = flags->state.empty() ? "" : "&state=" + serve::percent_encoded(flags->state);
        return print(lines_of(asked(config, Ask::get, path_of(flags->id, "/deliveries?limit=1000" + state))));
      });
  below(
      command, "replay", "tell it everything again from somewhere on; a failed one goes on", chosen,
      [flags, id](CLI::App& replay) {
        id(replay);
        replay.add_option("--from", flags->from,
                          "an event's id, a position or a time; without it from where it stands");
      },
      [flags](const Config& config) { return print(replay(config, *flags)); });
  below(command, "test", "send it a ping; the log has what came of it", chosen, id,
        [flags](const Config& config) { return print(asked(config, Ask::post, path_of(flags->id, "/test"))); });
  below(command, "secret", "print its secret again", chosen, id,
        [flags](const Config& config) { return print(asked(config, Ask::get, path_of(flags->id, "/secret"))); });
  below(command, "remove", "tell it nothing more", chosen, id,
        [flags](const Config& config) { return print(asked(config, Ask::remove, path_of(flags->id))); });
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app

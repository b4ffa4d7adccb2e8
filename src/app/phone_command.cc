#include "app/phone_command.h"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>

#include "app/access_commands.h"
#include "app/phone_links.h"
#include "app/qr_text.h"
#include "app/subcommands.h"
#include "serve/credentials.h"
#include "wire/json_in.h"

namespace waybill::app {
namespace {

constexpr const char* every_app = "all";

struct PhoneFlags {
  std::string deliverer;
  std::string url;
  std::string app = every_app;
  int days = 0;
  bool qr = false;
};

Result<std::string> url_of(const Config& config, const PhoneFlags& flags) {
  std::string url = flags.url;
  if (url.empty()) {
    TRY_LET(url, serving_url(config.data));
  }
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return fail(Code::invalid, "--url: expected http:// or https:// and where phones find the server");
  return url;
}

Result<void> add(const Config& config, const PhoneFlags& flags) {
  if (auto fits = wire::checked_id(flags.deliverer); !fits) return fail_in("DELIVERER", fits.error());
  TRY_LET(const std::string url, url_of(config, flags));
  TRY_LET(const std::string token, deliverers_token(config, flags.deliverer, flags.days));
  const bool shown = flags.qr || isatty(STDOUT_FILENO) == 1;
  std::printf("token of deliverer %s, printed once and kept nowhere:\n%s\n", flags.deliverer.c_str(), token.c_str());
  for (const PhoneLink& link : phone_links(url, flags.deliverer, token)) {
    if (flags.app != every_app && flags.app != link.app) continue;
    std::printf("\n%s\n%s\n", std::string(link.what).c_str(), link.text.c_str());
    if (!shown) continue;
    TRY_LET(const std::string code, qr_text(link.text));
    std::printf("%s", code.c_str());
  }
  return {};
}

}  // namespace

Run add_phone(CLI::App& command) {
  command.require_subcommand(1);
  const auto chosen = std::make_shared<Run>();
  const auto flags = std::make_shared<PhoneFlags>();
  below(
      command, "add", "makes a token for a deliverer's phone; prints it with a link and a QR code for each app", chosen,
      [flags](CLI::App& add) {
        add.add_option("deliverer", flags->deliverer, "the deliverer's id")->required();
        add.add_option("--url", flags->url, "where phones find the server; that of the process that serves");
        add.add_option("--app", flags->app, "for one app only")
            ->check(CLI::IsMember({every_app, "owntracks", "traccar", "overland", "gpslogger", "osmand"}));
        add.add_option("--days", flags->days, "how long the token holds; for good where not given")
            ->check(CLI::Range(1, serve::token_days_max));
        add.add_flag("--qr", flags->qr, "QR codes also where the output is no terminal");
      },
      [flags](const Config& config) { return done(add(config, *flags)); });
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app

/// \file
/// `valence alerts test`: sends one message to a receiver, or prints it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "valence/alert/courier.h"
#include "valence/base/clock.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/command.h"
#include "valence/cli/config_file.h"
#include "valence/cli/nearest_word.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence alerts test slack --dry-run
  valence alerts test            # every receiver of the configuration)";

struct TestArguments {
  std::vector<std::string> receivers;
  bool dry_run = false;
};

/// What a real one of the first rule that tells this receiver would look like, with numbers that say they are made up.
alert::Notification test_notification(const alert::AlertSettings& settings, const std::string& receiver,
                                      std::int64_t now_ms) {
  alert::Rule rule{.name = "test of alerts: nothing has happened", .labels = {"negative"}, .window_texts = 100};
  const auto found = std::ranges::find_if(settings.rules, [&](const alert::Rule& each) {
    return std::ranges::find(each.receivers, receiver) != each.receivers.end();
  });
  if (found != settings.rules.end()) {
    rule.labels = found->labels;
    rule.limit = found->limit;
  }
  alert::Reading reading;
  reading.is_ready = reading.is_above = true;
  reading.window = {.count = 100, .hits = 14};
  reading.before = {.count = 100, .hits = 6};
  reading.statistic = 0.14;
  reading.threshold = rule.limit.value();
  return {.id = fmt::format("test-{}", now_ms),
          .receiver = receiver,
          .stream = "test",
          .created_ms = now_ms,
          .items = {{.rule = rule, .stream = "test", .channel = "", .since_ms = now_ms, .reading = reading}}};
}

/// The request as it would go out, the address by its origin only: the rest is the secret.
std::string shown(const alert::Receiver& receiver, const alert::OutboundMessage& message) {
  const auto url = net::parse_outbound_url(receiver.url.reveal(), {.allow_private = receiver.allow_private});
  std::string text = fmt::format("POST {}/... ({})\n", url ? url->origin.to_string() : "", receiver.name);
  for (const net::HttpHeader& header : alert::headers_of(receiver, message))
    text += fmt::format("{}: {}\n", header.name, header.value);
  return text + "\n" + message.body + "\n";
}

ExitCode run_test(const TestArguments& arguments, const GlobalOptions& global) {
  const auto files = config_files(global.config);
  const auto settings = files ? read_alert_settings(*files) : tl::unexpected(files.error());
  if (!settings) {
    print_error(settings.error());
    return exit_code_for(settings.error().code());
  }
  std::vector<std::string> names = arguments.receivers;
  if (names.empty()) {
    for (const alert::Receiver& receiver : settings->receivers) names.push_back(receiver.name);
  }
  if (names.empty()) {
    print_error({ErrorCode::kInvalidArgument, "[alerts]", "there are no receivers",
                 "add [alerts.receivers.slack] with its url_file to the configuration"});
    return ExitCode::kUsage;
  }
  const SystemClock clock;
  SignalWatcher signals;
  ExitCode worst = ExitCode::kOk;
  for (const std::string& name : names) {
    const auto receiver = std::ranges::find(settings->receivers, name, &alert::Receiver::name);
    if (receiver == settings->receivers.end()) {
      std::vector<std::string> known;
      for (const alert::Receiver& each : settings->receivers) known.push_back(each.name);
      const std::string meant = nearest_word(name, known);
      print_error({ErrorCode::kInvalidArgument, name, "is no receiver of the configuration",
                   meant.empty() ? "" : fmt::format("did you mean {}?", meant)});
      return ExitCode::kUsage;
    }
    const auto message =
        alert::render(*receiver, test_notification(*settings, name, clock.unix_ms()), settings->timing.repeat_ms);
    if (arguments.dry_run) {
      if (const ExitCode printed = print_to_stdout(shown(*receiver, message)); printed != ExitCode::kOk) return printed;
      continue;
    }
    const alert::Delivery delivery = alert::make_http_sender(*receiver, &signals.stop())->send(message);
    if (signals.signalled()) return signals.exit_code();
    if (delivery.outcome == alert::Delivery::Outcome::kSent) {
      if (!global.quiet) print_note(fmt::format("{}: sent", name));
    } else {
      print_error({ErrorCode::kRemote, fmt::format("receiver \"{}\"", name), delivery.why});
      worst = ExitCode::kRemote;
    }
  }
  return worst;
}

}  // namespace

Command add_alerts_test(CLI::App& alerts) {
  CLI::App* app = alerts.add_subcommand("test", "Send a test message to receivers of the configuration");
  app->footer(kExamples);
  const auto arguments = std::make_shared<TestArguments>();
  app->add_option("receivers", arguments->receivers, "Names of receivers [all]")->type_name("NAME");
  app->add_flag("--dry-run", arguments->dry_run, "Print the request instead of sending it");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_test(*arguments, global); }};
}

}  // namespace valence::cli

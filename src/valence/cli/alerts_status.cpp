/// \file
/// `valence alerts status`: what fires, what is silenced, what was sent, from the state file.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "valence/base/clock.h"
#include "valence/base/time_text.h"
#include "valence/cli/alerts_state.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kShownNotifications = 10;

constexpr const char* kExamples = R"(
Examples:
  valence alerts status
  valence alerts status --json)";

bool is_over(const pipeline::Silence& silence) { return silence.until_ms <= SystemClock().unix_ms(); }

std::string text_of(const AlertsState& state, bool unicode) {
  const auto shown = [&](const std::string& text) { return data::shown(text, 100, unicode); };
  std::string out = fmt::format("{} rules, {} receivers, state in {}\n", state.settings.rules.size(),
                                state.settings.receivers.size(), state.journal.path().string());
  out += "\nfiring\n";
  bool any = false;
  for (const pipeline::AlertState& alert : state.book->states()) {
    if (alert.phase != pipeline::AlertPhase::kFiring && alert.phase != pipeline::AlertPhase::kSilenced) continue;
    any = true;
    out += fmt::format("  {:<8} since {}  {}{}  {}\n", name_of(alert.phase), utc_text(alert.since_ms),
                       shown(alert.stream), alert.channel.empty() ? "" : "/" + shown(alert.channel), shown(alert.rule));
  }
  if (!any) out += "  nothing\n";
  for (const pipeline::Silence& silence : state.book->silences()) {
    if (is_over(silence)) continue;
    out += fmt::format("\nsilence {}\n  {} to {}, rule {}, stream {}{}\n", silence.id, utc_text(silence.from_ms),
                       utc_text(silence.until_ms), silence.rule.empty() ? "all" : shown(silence.rule),
                       silence.stream.empty() ? "all" : shown(silence.stream),
                       silence.comment.empty() ? "" : ": " + shown(silence.comment));
  }
  for (const auto& [receiver, why] : state.saved.disabled)
    out += fmt::format("\nreceiver {} is disabled: {}\n", shown(receiver), shown(why));
  const auto& notifications = state.saved.notifications;
  if (!notifications.empty()) out += "\nlast messages\n";
  for (std::size_t i = notifications.size() - std::min(notifications.size(), kShownNotifications);
       i < notifications.size(); ++i) {
    out += fmt::format("  {}  {:<13} {}  {}{}\n", utc_text(notifications[i].created_ms), notifications[i].state,
                       shown(notifications[i].receiver), notifications[i].id,
                       notifications[i].why.empty() ? "" : "  " + shown(notifications[i].why));
  }
  return out;
}

std::string json_of(const AlertsState& state) {
  JsonWriter json;
  json.open_object();
  json.value("state_file", state.journal.path().string());
  json.open_array("alerts");
  for (const pipeline::AlertState& alert : state.book->states()) {
    json.open_object();
    json.value("rule", alert.rule);
    json.value("stream", alert.stream);
    json.value("channel", alert.channel);
    json.value("phase", name_of(alert.phase));
    json.value("since", utc_text(alert.since_ms));
    json.close();
  }
  json.close();
  json.open_array("silences");
  for (const pipeline::Silence& silence : state.book->silences()) {
    if (is_over(silence)) continue;
    json.open_object();
    json.value("id", silence.id);
    json.value("rule", silence.rule);
    json.value("stream", silence.stream);
    json.value("from", utc_text(silence.from_ms));
    json.value("until", utc_text(silence.until_ms));
    json.value("author", silence.author);
    json.value("comment", silence.comment);
    json.close();
  }
  json.close();
  json.open_object("disabled_receivers");
  for (const auto& [receiver, why] : state.saved.disabled) json.value(receiver, why);
  json.close();
  json.open_array("messages");
  for (const alert::SavedNotification& notification : state.saved.notifications) {
    json.open_object();
    json.value("id", notification.id);
    json.value("receiver", notification.receiver);
    json.value("state", notification.state);
    json.value("created", utc_text(notification.created_ms));
    if (!notification.why.empty()) json.value("why", notification.why);
    json.close();
  }
  json.close();
  json.close();
  return json.text();
}

ExitCode run_status(bool as_json, const GlobalOptions& global) {
  const auto state = open_alerts_state(global);
  if (!state) {
    print_error(state.error());
    return exit_code_for(state.error().code());
  }
  return print_to_stdout(as_json ? json_of(*state) : text_of(*state, !is_dumb_terminal()));
}

}  // namespace

Command add_alerts_status(CLI::App& alerts) {
  CLI::App* app = alerts.add_subcommand("status", "What fires, what is silenced, which messages were sent");
  app->footer(kExamples);
  const auto json = std::make_shared<bool>(false);
  app->add_flag("--json", *json, "As JSON");
  return {.app = app, .run = [json](const GlobalOptions& global) { return run_status(*json, global); }};
}

}  // namespace valence::cli

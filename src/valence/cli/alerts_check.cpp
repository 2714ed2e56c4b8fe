/// \file
/// `valence alerts check`: which rules would have fired on a history, and when.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "valence/alert/rule_line.h"
#include "valence/base/time_text.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/alerts_replay.h"
#include "valence/cli/config_file.h"
#include "valence/cli/data_options.h"
#include "valence/cli/history_options.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/terminal.h"
#include "valence/data/label_column.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kShownFirings = 100;
constexpr std::int64_t kAssumedStepMs = 1000;  // between texts without a time

constexpr const char* kExamples = R"(
Examples:
  valence alerts check --history --from 30d
  valence alerts check history.csv
  valence alerts check history.jsonl --rule "negative > 10% of last 100"
  valence alerts check history.csv --rule "negative above usual, one false alarm in 50000" --time-column created)";

struct CheckArguments {
  DataInputArguments input;
  std::vector<std::string> rules;
  std::string time_column;
  std::string stream_column;
  std::string channel_column;
  bool history = false;
  std::string history_place;
  HistoryFilterArguments period;
  bool json = false;

  [[nodiscard]] bool of_history() const {
    return history || !history_place.empty() || !period.from.empty() || !period.to.empty();
  }
};

struct History {
  std::vector<PastText> texts;
  FailedRows failed;
  std::uint64_t unlabelled = 0;
  bool has_times = true;
};

/// --rule, which needs no receiver, else what the configuration says.
Result<alert::AlertSettings> settings_of(const CheckArguments& arguments, const GlobalOptions& global) {
  if (arguments.rules.empty()) {
    VALENCE_TRY(const auto files, config_files(global.config));
    VALENCE_TRY(alert::AlertSettings settings, read_alert_settings(files));
    if (settings.rules.empty())
      return fail(ErrorCode::kInvalidArgument, "[alerts]", "there are no rules",
                  "give one with --rule, or rules = [...] in the configuration");
    return settings;
  }
  alert::AlertSettings settings;
  for (const std::string& line : arguments.rules) {
    const bool has_receiver = line.find("->") != line.npos;
    VALENCE_TRY(settings.rules.emplace_back(), alert::parse_rule_line(has_receiver ? line : line + " -> check"));
  }
  return settings;
}

bool has_column(const pipeline::Source& source, const std::string& column) {
  const auto& columns = source.reader()->columns();
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

/// A column that was named must be there; one that is usual is taken where it is.
Result<std::optional<std::string>> find_column(const pipeline::Source& source, const std::string& given,
                                               const std::string& usual, const char* option) {
  if (given.empty()) return has_column(source, usual) ? std::optional(usual) : std::nullopt;
  VALENCE_TRY_STATUS(data::check_column(*source.reader(), given, fmt::format("name another with {}", option)));
  return std::optional(given);
}

Result<History> read_history(pipeline::Source& source, const CheckArguments& arguments, Progress& progress) {
  VALENCE_TRY(const auto label_column, find_label_column(source, arguments.input));
  if (!label_column)
    return fail(ErrorCode::kNotFound, source.reader()->name(), "has no column \"label\"",
                "--label-column says where the labels are");
  VALENCE_TRY(const auto time_column, find_column(source, arguments.time_column, "time", "--time-column"));
  VALENCE_TRY(const auto stream_column, find_column(source, arguments.stream_column, "stream", "--stream-column"));
  VALENCE_TRY(const auto channel_column, find_column(source, arguments.channel_column, "channel", "--channel-column"));
  History history;
  history.has_times = time_column.has_value();
  const auto value = [](const data::Record& record, const std::optional<std::string>& column) {
    return column ? data::value_of(record.carried, *column).value_or("") : std::string();
  };
  VALENCE_TRY(DataRows rows, read_all(source, progress));
  history.failed = std::move(rows.failed);
  for (const data::Record& record : rows.records) {
    auto label = data::label_of(record.carried, *label_column);
    if (!label) {
      ++history.unlabelled;
      continue;
    }
    PastText text{.time_ms = static_cast<std::int64_t>(history.texts.size()) * kAssumedStepMs,
                  .stream = value(record, stream_column),
                  .channel = value(record, channel_column),
                  .label = std::move(*label)};
    if (time_column) {
      const std::string written = value(record, time_column);
      const auto time_ms = parse_time_ms(written);
      if (!time_ms) {
        history.failed.add({ErrorCode::kInvalidData, fmt::format("{}:{}", record.input, record.line),
                            fmt::format("\"{}\" is no time", data::shown(written, 40, false)),
                            "write 2026-01-31T23:59:59Z, or seconds or milliseconds since 1970"});
        continue;
      }
      text.time_ms = *time_ms;
    }
    history.texts.push_back(std::move(text));
  }
  std::ranges::stable_sort(history.texts, {}, &PastText::time_ms);
  return history;
}

/// What `valence serve` and `classify --history` have kept.
Result<History> read_store(const CheckArguments& arguments) {
  VALENCE_TRY(const store::HistoryFilter filter, history_filter(arguments.period));
  VALENCE_TRY(const auto store, open_history_at(arguments.history_place, store::HistoryAccess::kRead));
  History history;
  VALENCE_TRY_STATUS(store->scan(filter, [&](const store::StoredRecord& stored) {
    const pipeline::ClassifiedRecord& record = stored.record;
    history.texts.push_back(
        {.time_ms = record.time_ms, .stream = record.stream, .channel = record.channel, .label = record.label});
    return true;
  }));
  std::ranges::reverse(history.texts);  // newest first
  if (history.texts.empty()) return fail(ErrorCode::kNotFound, "history", "has no records of that time");
  return history;
}

/// The rows of files.
Result<History> read_files(const CheckArguments& arguments, const GlobalOptions& global, SignalWatcher& signals) {
  VALENCE_TRY(const DataInput input, begin_data(arguments.input, global, signals, TextOption::kNo));
  Progress progress(progress_style(global));
  VALENCE_TRY(History history, read_history(*input.source, arguments, progress));
  if (history.texts.empty())
    return fail(ErrorCode::kInvalidData, input.reader().name(), "has no row with a label and a time");
  return history;
}

struct RuleCounts {
  std::uint64_t fired = 0;
  std::int64_t firing_ms = 0;
};

RuleCounts counts_of(const Replay& replay, const alert::Rule& rule) {
  RuleCounts counts;
  for (const Firing& firing : replay.firings) {
    if (firing.item.rule.name != rule.name) continue;
    ++counts.fired;
    counts.firing_ms += (firing.ended_ms == 0 ? replay.end_ms : firing.ended_ms) - firing.item.since_ms;
  }
  return counts;
}

std::string when(const History& history, std::int64_t time_ms) {
  return history.has_times ? utc_text(time_ms) : fmt::format("text {}", time_ms / kAssumedStepMs + 1);
}

std::string table_of(const Replay& replay, const History& history, const std::vector<alert::Rule>& rules,
                     bool unicode) {
  std::string out = fmt::format("{} texts, {} to {}\n\n{:>7} {:>12}  rule\n", with_thousands(replay.texts),
                                when(history, replay.begin_ms), when(history, replay.end_ms), "fired", "of the time");
  const auto span_ms = static_cast<double>(std::max<std::int64_t>(1, replay.end_ms - replay.begin_ms));
  for (const alert::Rule& rule : rules) {
    const RuleCounts counts = counts_of(replay, rule);
    out += fmt::format("{:>7} {:>10.1f} %  {}\n", with_thousands(counts.fired),
                       100.0 * static_cast<double>(counts.firing_ms) / span_ms, data::shown(rule.name, 90, unicode));
  }
  out += fmt::format("\n{} messages after grouping\n", with_thousands(replay.messages));
  if (replay.firings.empty()) return out;
  out += fmt::format("\n{:<20} {:<20} {:<12} {:<12} what\n", "fired", "resolved", "stream", "channel");
  for (std::size_t i = 0; i < std::min(replay.firings.size(), kShownFirings); ++i) {
    const Firing& firing = replay.firings[i];
    const auto column = [&](const std::string& text) {
      const std::string cell = data::shown(text, 12, unicode);
      return cell + std::string(12 - std::min<std::size_t>(12, data::display_width(cell)), ' ');
    };
    out +=
        fmt::format("{:<20} {:<20} {} {} {}; {}\n", when(history, firing.item.since_ms),
                    firing.ended_ms == 0 ? "still firing" : when(history, firing.ended_ms), column(firing.item.stream),
                    column(firing.item.channel), data::shown(firing.item.headline(), 80, unicode),
                    data::shown(firing.item.detail(), 160, unicode));
  }
  if (replay.firings.size() > kShownFirings)
    out +=
        fmt::format("... and {} more: --json lists them all\n", with_thousands(replay.firings.size() - kShownFirings));
  return out;
}

std::string json_of(const Replay& replay, const History& history, const std::vector<alert::Rule>& rules) {
  JsonWriter json;
  json.open_object();
  json.value("texts", replay.texts);
  json.value("begin", when(history, replay.begin_ms));
  json.value("end", when(history, replay.end_ms));
  json.value("messages", replay.messages);
  json.open_array("rules");
  for (const alert::Rule& rule : rules) {
    const RuleCounts counts = counts_of(replay, rule);
    json.open_object();
    json.value("rule", rule.name);
    json.value("condition", rule.condition());
    json.value("fired", counts.fired);
    json.value("firing_seconds", static_cast<double>(counts.firing_ms) / 1000);
    json.close();
  }
  json.close();
  json.open_array("firings");
  for (const Firing& firing : replay.firings) {
    json.open_object();
    json.value("rule", firing.item.rule.name);
    json.value("stream", firing.item.stream);
    json.value("channel", firing.item.channel);
    json.value("fired", when(history, firing.item.since_ms));
    if (firing.ended_ms == 0) {
      json.null("resolved");
    } else {
      json.value("resolved", when(history, firing.ended_ms));
    }
    json.value("at_text", firing.at_text);
    json.value("count", firing.item.reading.window.count);
    json.value("hits", firing.item.reading.window.hits);
    json.value("text", firing.item.headline());
    json.value("detail", firing.item.detail());
    json.close();
  }
  json.close();
  json.close();
  return json.text();
}

ExitCode run_check(const CheckArguments& arguments, const GlobalOptions& global) {
  const auto settings = settings_of(arguments, global);
  if (!settings) return data_failed(settings.error());
  if (arguments.of_history() && !arguments.input.inputs.empty())
    return data_failed({ErrorCode::kInvalidArgument, "--history", "and files cannot be checked in one run"});
  SignalWatcher signals;
  const auto history = arguments.of_history() ? read_store(arguments) : read_files(arguments, global, signals);
  if (!history) return data_failed(history.error(), signals);
  const Replay replayed = replay(settings->rules, settings->timing, history->texts);
  const ExitCode printed =
      print_to_stdout(arguments.json ? json_of(replayed, *history, settings->rules)
                                     : table_of(replayed, *history, settings->rules, !is_dumb_terminal()));
  if (printed != ExitCode::kOk) return printed;
  tell_failed(history->failed, global);
  if (!global.quiet) {
    if (history->unlabelled > 0)
      print_warning(fmt::format("{} rows have no label", with_thousands(history->unlabelled)));
    if (!history->has_times)
      print_note("no column \"time\": rows are taken in their order, one a second; --time-column says where times are");
  }
  return history->failed.count == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_alerts_check(CLI::App& alerts) {
  CLI::App* app = alerts.add_subcommand("check", "Which rules would have fired on a history of labels, and when");
  app->footer(kExamples);
  const auto arguments = std::make_shared<CheckArguments>();
  declare_data_input(*app, arguments->input, TextOption::kNo, LabelOption::kYes);
  app->add_option("--time-column", arguments->time_column, "Column or field of the time [time]")->type_name("C");
  app->add_option("--stream-column", arguments->stream_column, "Column or field of the stream [stream]")
      ->type_name("C");
  app->add_option("--channel-column", arguments->channel_column, "Column or field of the channel [channel]")
      ->type_name("C");
  app->add_option("--rule", arguments->rules, "A rule to check, repeatable [the rules of the configuration]")
      ->type_name("LINE")
      ->expected(1)
      ->take_all();
  const auto history = "History";
  app->add_flag("--history", arguments->history, "The local history instead of files")->group(history);
  declare_history_place(*app, arguments->history_place);
  declare_period(*app, arguments->period);
  for (const char* name : {"--history-db", "--from", "--to"}) app->get_option(name)->group(history);
  app->add_flag("--json", arguments->json, "As JSON");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_check(*arguments, global); }};
}

}  // namespace valence::cli

/// \file
/// `valence history delete` and `stats`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/json_text.h"
#include "valence/cli/confirm.h"
#include "valence/cli/history_options.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/terminal.h"
#include "valence/store/history_sql.h"

namespace valence::cli {
namespace {

struct DeleteArguments {
  std::string place;
  HistoryFilterArguments filter;
  std::string older_than;
  bool everything = false;
  bool keep_corrections = false;
  bool yes = false;
  bool dry_run = false;
};

std::string plan_text(const store::Erased& erased, bool done) {
  return fmt::format("{} records and {} corrections{}\n", with_thousands(erased.records),
                     with_thousands(erased.corrections), done ? "" : " would go");
}

ExitCode erase(const DeleteArguments& arguments, const GlobalOptions& global) {
  auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  if (!arguments.older_than.empty()) {
    if (filter->to_ms) {
      return history_failed({ErrorCode::kInvalidArgument, "--older-than", "and --to say the same: give one"});
    }
    const auto before_ms = parse_when("--older-than", arguments.older_than, SystemClock().unix_ms());
    if (!before_ms) return history_failed(before_ms.error());
    filter->to_ms = *before_ms;
  }
  if (filter->is_empty() != arguments.everything) {
    return history_failed({ErrorCode::kInvalidArgument, "delete",
                           arguments.everything ? "takes --everything or a filter, not both" : "was not told what",
                           "give a filter such as --subject, --older-than or --id, or --everything"});
  }
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kChange);
  if (!history) return history_failed(history.error());
  const store::EraseOptions options{.dry_run = true, .keep_corrections = arguments.keep_corrections};
  if (arguments.dry_run || !arguments.yes) {
    const auto would = (*history)->erase(*filter, options);
    if (!would) return history_failed(would.error());
    if (arguments.dry_run) return print_to_stdout(plan_text(*would, false));
    const auto code = refused(false, "the history", plan_text(*would, false), "Delete them for good?");
    if (code) return *code;
  }
  const auto erased = (*history)->erase(*filter, {.keep_corrections = arguments.keep_corrections});
  if (!erased) return history_failed(erased.error());
  if (!erased->scrubbed) {
    print_warning(
        "they are deleted, but bytes of them may still lie in the history's files: another program reads it, or there "
        "is "
        "no room to rewrite it. Repeat the command later");
  }
  if (!global.quiet) print_note("deleted: " + plan_text(*erased, true).substr(0, plan_text(*erased, true).size() - 1));
  return ExitCode::kOk;
}

struct StatsArguments {
  std::string place;
  bool json = false;
};

std::string json_of(const store::HistoryStats& stats) {
  JsonText json;
  json.begin_object().key("backend").string(stats.backend).key("location").string(stats.location);
  json.key("schema_version").integer(stats.schema_version);
  json.key("records").integer(static_cast<std::int64_t>(stats.records));
  json.key("texts").integer(static_cast<std::int64_t>(stats.texts));
  json.key("corrections").integer(static_cast<std::int64_t>(stats.corrections));
  json.key("size_bytes").integer(static_cast<std::int64_t>(stats.size_bytes));
  for (const auto& [key, time_ms] : {std::pair("oldest", stats.oldest_ms), std::pair("newest", stats.newest_ms)}) {
    json.key(key);
    if (time_ms) {
      json.string(store::rfc3339_ms(*time_ms));
    } else {
      json.null();
    }
  }
  json.end_object();
  return json.text() + "\n";
}

ExitCode stats(const StatsArguments& arguments) {
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  const auto found = (*history)->stats();
  if (!found) return history_failed(found.error());
  if (arguments.json) return print_to_stdout(json_of(*found));
  std::string text = fmt::format("{} ({}, schema {}, {})\n", found->location, found->backend, found->schema_version,
                                 file_size(found->size_bytes));
  text += fmt::format("  records      {:>14}", with_thousands(found->records));
  if (found->oldest_ms && found->newest_ms) {
    text += fmt::format("   from {} to {}", store::rfc3339_ms(*found->oldest_ms), store::rfc3339_ms(*found->newest_ms));
  }
  text += fmt::format("\n  with text    {:>14}\n  corrections  {:>14}\n", with_thousands(found->texts),
                      with_thousands(found->corrections));
  const auto streams = (*history)->trend({.bucket = store::TimeBucket::kMonth, .by_stream = true});
  if (!streams) return history_failed(streams.error());
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (const auto& point : streams->points) {
    auto known = std::ranges::find(counts, point.stream, &std::pair<std::string, std::uint64_t>::first);
    if (known == counts.end()) known = counts.insert(counts.end(), {point.stream, 0});
    known->second += point.total().texts;
  }
  for (const auto& [stream, records] : counts)
    text += fmt::format("  stream {:<20} {:>14}\n", stream, with_thousands(records));
  const auto log = (*history)->access_log(5);
  if (!log) return history_failed(log.error());
  if (!log->empty()) text += "last exports and deletions:\n";
  for (const auto& entry : *log) {
    text += fmt::format("  {}  {:<8} {:>12} records  {}\n", store::rfc3339_ms(entry.time_ms), entry.action,
                        with_thousands(entry.records), entry.detail);
  }
  return print_to_stdout(text);
}

}  // namespace

Command add_history_delete(CLI::App& history) {
  CLI::App* app = history.add_subcommand("delete", "Delete records for good, words and figures with them");
  app->footer(
      "Examples:\n  valence history delete --subject customer-4711 --dry-run\n"
      "  valence history delete --older-than 365d --yes\n  valence history delete --text-sha256 HEX --yes");
  const auto arguments = std::make_shared<DeleteArguments>();
  declare_history_place(*app, arguments->place);
  declare_history_filter(*app, arguments->filter);
  app->add_option("--older-than", arguments->older_than, "Older than 365d, or than a date")->type_name("TIME");
  app->add_flag("--everything", arguments->everything, "All records and corrections");
  app->add_flag("--keep-corrections", arguments->keep_corrections, "Leave corrections of the records for training");
  app->add_flag("--yes", arguments->yes, "Do not ask");
  app->add_flag("--dry-run", arguments->dry_run, "Show how many would go, delete nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return erase(*arguments, global); }};
}

Command add_history_stats(CLI::App& history) {
  CLI::App* app = history.add_subcommand("stats", "How much there is, since when, and who took some");
  app->footer("Examples:\n  valence history stats\n  valence history stats --json");
  const auto arguments = std::make_shared<StatsArguments>();
  declare_history_place(*app, arguments->place);
  app->add_flag("--json", arguments->json, "As JSON");
  return {.app = app, .run = [arguments](const GlobalOptions&) { return stats(*arguments); }};
}

}  // namespace valence::cli

/// \file
/// `valence history`, and its `report`.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "valence/base/clock.h"
#include "valence/base/write_file.h"
#include "valence/cli/history_options.h"
#include "valence/cli/history_report.h"
#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

struct ReportArguments {
  std::string place;
  HistoryFilterArguments filter;
  std::string bucket = "month";
  std::string html;
  std::string csv;
};

Status write_page(const std::string& path, const std::string& text) {
  if (path == "-") {
    const ExitCode printed = print_to_stdout(text);
    if (printed != ExitCode::kOk) return fail(ErrorCode::kIo, "standard output", "cannot be written");
    return {};
  }
  return write_file_atomically(path, text);
}

ExitCode report(const ReportArguments& arguments, const GlobalOptions& global) {
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  const auto bucket = store::parse_time_bucket(arguments.bucket);
  if (!bucket) {
    return history_failed(not_one_of("--bucket", arguments.bucket, {"minute", "hour", "day", "week", "month"}));
  }
  const auto place = history_place(arguments.place);
  if (!place) return history_failed(place.error());
  const auto history = open_history_at(*place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  const auto made = store::make_trend_report(**history, {.bucket = *bucket,
                                                         .from_ms = filter->from_ms,
                                                         .to_ms = filter->to_ms,
                                                         .stream = filter->stream,
                                                         .channel = filter->channel,
                                                         .label = arguments.filter.label});
  if (!made) return history_failed(made.error());
  if (!arguments.html.empty()) {
    ReportHeading heading{.place = *place, .scope = {}, .made = store::rfc3339_ms(SystemClock().unix_ms())};
    if (const auto stats = (*history)->stats()) heading.place = stats->location;  // without a password
    if (filter->stream) heading.scope = "stream " + *filter->stream;
    if (filter->channel) heading.scope += (heading.scope.empty() ? "channel " : ", channel ") + *filter->channel;
    const Status written = write_page(arguments.html, report_html(*made, heading));
    if (!written) return history_failed(written.error());
    if (!global.quiet && arguments.html != "-") print_note(arguments.html + ": written");
  }
  if (!arguments.csv.empty()) {
    const Status written = write_page(arguments.csv, report_csv(*made));
    if (!written) return history_failed(written.error());
    if (!global.quiet && arguments.csv != "-") print_note(arguments.csv + ": written");
  }
  if (arguments.html == "-" || arguments.csv == "-") return ExitCode::kOk;
  return print_to_stdout(report_table(*made, !is_dumb_terminal()));
}

Command add_history_report(CLI::App& history) {
  CLI::App* app = history.add_subcommand("report", "The trend by month: shares, how sure, and what moved them");
  app->footer(
      "Examples:\n  valence history report\n  valence history report --stream reviews --html march.html --csv "
      "march.csv\n"
      "  valence history report --bucket week --from 90d --label negative");
  const auto arguments = std::make_shared<ReportArguments>();
  declare_history_place(*app, arguments->place);
  declare_period(*app, arguments->filter);
  app->add_option("--label", arguments->filter.label, "The label to follow [the one called negative]")
      ->type_name("LABEL");
  app->add_option("--stream", arguments->filter.stream, "Of this stream")->type_name("NAME");
  app->add_option("--channel", arguments->filter.channel, "Of this channel")->type_name("NAME");
  app->add_option("--bucket", arguments->bucket, "minute, hour, day, week or month [month]")->type_name("PERIOD");
  app->add_option("--html", arguments->html, "Also as a page that needs nothing else")->type_name("FILE");
  app->add_option("--csv", arguments->csv, "Also as CSV")->type_name("FILE");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return report(*arguments, global); }};
}

}  // namespace

Command add_history(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("history", "What was classified: query, report, export, delete, stats");
  app->footer(
      "Examples:\n  valence history query --label negative --from 24h\n  valence history report --html report.html\n"
      "  valence history delete --subject customer-4711");
  return command_group(app, {add_history_query(*app), add_history_report(*app), add_history_export(*app),
                             add_history_delete(*app), add_history_stats(*app)});
}

}  // namespace valence::cli

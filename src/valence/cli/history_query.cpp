/// \file
/// `valence history query` and `export`: records out of the history.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "valence/base/clock.h"
#include "valence/cli/history_options.h"
#include "valence/cli/history_rows.h"
#include "valence/cli/option_values.h"
#include "valence/cli/progress.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_file.h"
#include "valence/store/history_sql.h"

namespace valence::cli {
namespace {

struct QueryArguments {
  std::string place;
  HistoryFilterArguments filter;
  std::string format;
  std::string limit = "20";
};

struct ExportArguments {
  std::string place;
  HistoryFilterArguments filter;
  std::string format;
  std::string output = "-";
  std::string audience;
};

constexpr std::array<Choice<data::OutputFormat>, 4> kFormats{{{"table", data::OutputFormat::kTable},
                                                              {"csv", data::OutputFormat::kCsv},
                                                              {"tsv", data::OutputFormat::kTsv},
                                                              {"jsonl", data::OutputFormat::kJsonl}}};
constexpr std::array<Choice<data::OutputFormat>, 3> kFileFormats{
    {{"csv", data::OutputFormat::kCsv}, {"tsv", data::OutputFormat::kTsv}, {"jsonl", data::OutputFormat::kJsonl}}};

ExitCode query(const QueryArguments& arguments) {
  HistoryRowOptions options{.width = terminal_width(STDOUT_FILENO),
                            .unicode = !is_dumb_terminal(),
                            .to_terminal = is_terminal(STDOUT_FILENO)};
  options.format = options.to_terminal ? data::OutputFormat::kTable : data::OutputFormat::kJsonl;
  if (!arguments.format.empty()) {
    const auto format = choose("--format", arguments.format, kFormats);
    if (!format) return history_failed(format.error());
    options.format = *format;
  }
  constexpr std::size_t kMostRows = 100'000'000;
  const auto limit = parse_count("--limit", arguments.limit, kMostRows);
  if (!limit) return history_failed(limit.error());
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kRead);
  if (!history) return history_failed(history.error());
  data::OutputSink sink(STDOUT_FILENO, "standard output");
  sink.buffer() += history_header(options);
  Status written = sink.end_record();
  std::size_t rows = 0;
  const Status scanned = (*history)->scan(*filter, [&](const store::StoredRecord& record) {
    append_history_row(sink.buffer(), record, options);
    written = sink.end_record();
    return written.has_value() && ++rows < *limit;
  });
  if (!scanned) return history_failed(scanned.error());
  if (written) written = sink.flush();
  if (!written) return sink.reader_gone() ? ExitCode::kOk : history_failed(written.error());
  return ExitCode::kOk;
}

ExitCode export_records(const ExportArguments& arguments, const GlobalOptions& global) {
  HistoryRowOptions options{.for_spreadsheet = !arguments.audience.empty(),
                            .to_terminal = arguments.output == "-" && is_terminal(STDOUT_FILENO)};
  if (options.for_spreadsheet && arguments.audience != "spreadsheet") {
    return history_failed(not_one_of("--for", arguments.audience, {"spreadsheet"}));
  }
  if (!arguments.format.empty()) {
    const auto format = choose("--format", arguments.format, kFileFormats);
    if (!format) return history_failed(format.error());
    options.format = *format;
  } else {
    options.format = data::output_format_of(arguments.output).value_or(data::OutputFormat::kCsv);
    if (options.format == data::OutputFormat::kJson) options.format = data::OutputFormat::kJsonl;
  }
  if (options.for_spreadsheet && options.format == data::OutputFormat::kJsonl) {
    return history_failed({ErrorCode::kInvalidArgument, "--for spreadsheet", "is for csv and tsv", "add -f csv"});
  }
  const auto filter = history_filter(arguments.filter);
  if (!filter) return history_failed(filter.error());
  // Exports are noted in the history, so it is opened to change.
  const auto history = open_history_at(arguments.place, store::HistoryAccess::kChange);
  if (!history) return history_failed(history.error());
  SignalWatcher signals;
  const auto output = data::OutputFile::open(arguments.output, {.stop = &signals.stop()});
  if (!output) return history_failed(output.error());
  data::OutputSink& sink = (*output)->sink();
  sink.buffer() += history_header(options);
  Status written = sink.end_record();
  std::uint64_t rows = 0;
  const Status scanned = (*history)->scan(*filter, [&](const store::StoredRecord& record) {
    append_history_row(sink.buffer(), record, options);
    written = sink.end_record();
    if (written) ++rows;
    return written.has_value() && !signals.stop();
  });
  if (signals.signalled()) return signals.exit_code();
  if (!scanned) return history_failed(scanned.error());
  if (written) written = sink.flush();
  const Status noted = (*history)->log_access(
      {.time_ms = SystemClock().unix_ms(), .action = "export", .detail = store::describe(*filter), .records = rows});
  if (!written) return sink.reader_gone() ? ExitCode::kOk : history_failed(written.error());
  if (const Status committed = (*output)->commit(); !committed) return history_failed(committed.error());
  if (!noted) print_warning(noted.error().to_string());
  if (!global.quiet && arguments.output != "-") {
    print_note(fmt::format("{}: {} records", arguments.output, with_thousands(rows)));
  }
  return ExitCode::kOk;
}

}  // namespace

Command add_history_query(CLI::App& history) {
  CLI::App* app = history.add_subcommand("query", "Records, newest first");
  app->footer(
      "Examples:\n  valence history query --label negative --from 24h\n"
      "  valence history query --search \"battery die*\" --stream reviews -f jsonl");
  const auto arguments = std::make_shared<QueryArguments>();
  declare_history_place(*app, arguments->place);
  declare_history_filter(*app, arguments->filter);
  app->add_option("-n,--limit", arguments->limit, "At most so many [20]")->type_name("N");
  app->add_option("-f,--format", arguments->format, "table, csv, tsv or jsonl [table on a terminal, else jsonl]")
      ->type_name("F");
  return {.app = app, .run = [arguments](const GlobalOptions&) { return query(*arguments); }};
}

Command add_history_export(CLI::App& history) {
  CLI::App* app = history.add_subcommand("export", "All records of a filter as CSV, TSV or JSON Lines");
  app->footer(
      "Examples:\n  valence history export --from 2026-01 --to 2026-02 -o january.csv --for spreadsheet\n"
      "  valence history export --label negative -o negative.jsonl");
  const auto arguments = std::make_shared<ExportArguments>();
  declare_history_place(*app, arguments->place);
  declare_history_filter(*app, arguments->filter);
  app->add_option("-o,--output", arguments->output, "The file to write; - is standard output [-]")->type_name("FILE");
  app->add_option("-f,--format", arguments->format, "csv, tsv or jsonl [by the file's suffix, else csv]")
      ->type_name("F");
  app->add_option("--for", arguments->audience,
                  "spreadsheet: cells that it would run as formulas get an apostrophe in front")
      ->type_name("PROGRAM");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return export_records(*arguments, global); }};
}

}  // namespace valence::cli

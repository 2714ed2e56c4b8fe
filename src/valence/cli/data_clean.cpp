/// \file
/// `valence data clean`: composes source, cleaner and output, and tells the user what was found.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "valence/base/thread_pool.h"
#include "valence/cli/clean_options.h"
#include "valence/cli/clean_view.h"
#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"
#include "valence/pipeline/clean_run.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence data clean feedback.csv -o clean.csv
  valence data clean feedback.csv --text-column comment --label-column sentiment --keep comment,sentiment -o clean.csv
  valence data clean feedback.csv --map-label neg=negative --map-label pos=positive --report dropped.jsonl -o clean.csv
  valence data clean export.csv --encoding iso-8859-1 --near-duplicates --redact email,phone,card -o clean.jsonl)";

/// -o and --report: what is written, and nothing of it under its final name before the whole run has gone well.
struct CleanOutputs {
  std::unique_ptr<data::OutputFile> rows;
  std::unique_ptr<data::Writer> writer;
  std::unique_ptr<data::OutputFile> report_file;
  std::optional<data::CleaningReport> report;
};

Status check_outputs(const CleanArguments& arguments, const std::vector<std::string>& inputs) {
  VALENCE_TRY_STATUS(check_output_is_no_input(inputs, arguments.output.output));
  VALENCE_TRY_STATUS(check_output_is_no_input(inputs, arguments.report));
  if (arguments.json && arguments.output.output == "-" && !arguments.dry_run) {
    return fail(ErrorCode::kInvalidArgument, "--json", "the rows go to standard output already",
                "add -o FILE or --dry-run");
  }
  if (!arguments.report.empty() && arguments.report == arguments.output.output) {
    return fail(ErrorCode::kInvalidArgument, "--report", "is the output of the rows too", "choose another file");
  }
  return {};
}

Result<data::OutputFormat> report_format(const std::string& path) {
  const auto format = data::output_format_of(data::without_compression(path));
  if (format && *format != data::OutputFormat::kJson) return *format;
  return fail(ErrorCode::kInvalidArgument, path, "its suffix tells no format for a report",
              "end it in .csv, .tsv or .jsonl");
}

Result<CleanOutputs> open_outputs(const CleanArguments& arguments, const pipeline::Source& source,
                                  const data::Cleaner& cleaner, const std::atomic<bool>& stop, bool has_files) {
  CleanOutputs outputs;
  if (!arguments.dry_run) {
    VALENCE_TRY(const auto format, data_output_format(arguments.output, source.reader()->format()));
    VALENCE_TRY(outputs.rows, open_data_output(arguments.output.output, stop));
    VALENCE_TRY(outputs.writer, data_writer(format, cleaner.written_columns(), *outputs.rows, arguments.output.output));
  }
  if (!arguments.report.empty()) {
    VALENCE_TRY(const auto format, report_format(arguments.report));
    VALENCE_TRY(outputs.report_file, open_data_output(arguments.report, stop));
    outputs.report.emplace(format, has_files, outputs.report_file->sink());
  }
  return outputs;
}

Status commit(CleanOutputs& outputs) {
  if (outputs.rows) VALENCE_TRY_STATUS(outputs.rows->commit());
  if (outputs.report_file) VALENCE_TRY_STATUS(outputs.report_file->commit());
  return {};
}

/// Rows that are no text at all mostly mean the wrong encoding, and are no reason for silence.
std::optional<Error> refuse_all_bad(const data::CleaningSummary& summary, const CleanArguments& arguments,
                                    const std::string& input) {
  const auto dropped = [&](data::DropReason reason) { return summary.dropped[static_cast<std::size_t>(reason)]; };
  if (summary.rows == 0) return Error(ErrorCode::kInvalidData, input, "has no rows");
  if (dropped(data::DropReason::kInvalidText) == summary.rows) {
    return Error(ErrorCode::kInvalidData, input,
                 fmt::format("no row is {}; the first, {}", arguments.input.encoding, summary.first_unreadable),
                 "say the encoding, e.g. --encoding windows-1252 or --encoding iso-8859-1");
  }
  if (dropped(data::DropReason::kUnreadable) + dropped(data::DropReason::kInvalidText) == summary.rows) {
    return Error(ErrorCode::kInvalidData, input,
                 fmt::format("no row can be read; the first, {}", summary.first_unreadable),
                 "check --input-format and --delimiter");
  }
  return std::nullopt;
}

void tell_cautions(const data::CleaningSummary& summary, const data::CleaningOptions& options,
                   const CleanArguments& arguments) {
  const std::uint64_t invalid = summary.dropped[static_cast<std::size_t>(data::DropReason::kInvalidText)];
  if (invalid > 0) {
    print_warning(fmt::format("{} rows are not {}; the first, {}. Try --encoding windows-1252", with_thousands(invalid),
                              arguments.input.encoding, summary.first_unreadable));
  }
  if (!options.label_column) {
    print_note("no column \"label\": rows are cleaned without labels (--label-column says where they are)");
  }
  if (summary.written == 0) print_warning("every row was dropped");
}

ExitCode run_clean(const CleanArguments& arguments, const GlobalOptions& global) {
  const auto threads = parse_threads(arguments.threads);
  if (!threads) return data_failed(threads.error());
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kYes);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  if (const Status checked = check_outputs(arguments, input->files); !checked) return data_failed(checked.error());
  auto options = interpret(arguments, source);
  if (!options) return data_failed(options.error());
  const data::Cleaner cleaner(options->cleaning);
  auto outputs = open_outputs(arguments, source, cleaner, signals.stop(), input->files.size() > 1);
  if (!outputs) return data_failed(outputs.error(), signals);

  data::CleaningLedger ledger(options->cleaning, options->near);
  ThreadPool pool(*threads == 0 ? usable_cores() : *threads);
  Progress progress(data_progress_style(global, arguments.output.output));
  const auto ended = pipeline::clean(
      {.source = source,
       .cleaner = cleaner,
       .ledger = ledger,
       .writer = outputs->writer.get(),
       .report = outputs->report ? &*outputs->report : nullptr,
       .pool = pool,
       .stop = signals.stop(),
       .on_window = [&progress](const data::CleaningSummary& so_far, const pipeline::SourceProgress& read) {
         progress.update({.rows = so_far.rows, .bytes_done = read.bytes_read, .bytes_total = read.bytes_total});
       }});
  progress.clear();
  const data::CleaningSummary& summary = ledger.summary();
  if (!ended && outputs->rows && outputs->rows->sink().reader_gone()) return ExitCode::kOk;
  if (!ended) return data_failed(ended.error(), signals);
  if (signals.signalled()) {
    print_note(fmt::format("interrupted after {} rows", with_thousands(summary.rows)));
    return signals.exit_code();
  }
  if (const auto refused = refuse_all_bad(summary, arguments, input->reader().name())) return data_failed(*refused);
  if (const Status committed = commit(*outputs); !committed) return data_failed(committed.error());
  if (!global.quiet) {
    const std::string table = clean_table(summary, options->cleaning, !is_dumb_terminal());
    std::fwrite(table.data(), 1, table.size(), stderr);
    tell_cautions(summary, options->cleaning, arguments);
    const double seconds = progress.elapsed().count();
    if (seconds > 1) {
      print_note(fmt::format("{:.1f} s, {} rows/s", seconds,
                             with_thousands(static_cast<std::uint64_t>(static_cast<double>(summary.rows) / seconds))));
    }
  }
  if (arguments.json) {
    if (const ExitCode printed = print_to_stdout(clean_json(summary, options->cleaning)); printed != ExitCode::kOk) {
      return printed;
    }
  }
  return summary.written == 0 ? ExitCode::kSomeRowsFailed : ExitCode::kOk;
}

}  // namespace

Command add_data_clean(CLI::App& data) {
  CLI::App* app = data.add_subcommand("clean", "Drop what cannot be used, repair the rest, and say what was done");
  app->footer(kExamples);
  const auto arguments = std::make_shared<CleanArguments>();
  declare_clean_options(*app, *arguments);
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_clean(*arguments, global); }};
}

}  // namespace valence::cli

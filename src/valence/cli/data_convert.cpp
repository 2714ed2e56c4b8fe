/// \file
/// `valence data convert`: the same records in another format.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "valence/cli/data_options.h"
#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"
#include "valence/pipeline/read_ahead.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence data convert reviews.csv -o reviews.jsonl
  valence data convert tickets.jsonl.gz -o tickets.csv
  valence data convert export.csv --encoding windows-1252 --delimiter ";" -f tsv > export.tsv)";

struct ConvertArguments {
  DataInputArguments input;
  DataOutputArguments output;
};

struct Converted {
  std::uint64_t rows = 0;
  FailedRows failed;
};

Status convert_all(pipeline::Source& source, data::Writer& writer, Progress& progress, std::atomic<bool>& stop,
                   Converted& converted) {
  Status outcome;
  {
    pipeline::ReadAhead reader(source, {}, stop);
    while (auto window = reader.next()) {
      for (data::Row& row : window->rows) {
        ++converted.rows;
        if (!row) {
          converted.failed.add(std::move(row.error().error));
        } else if (outcome = writer.write({.carried = &row->carried}); !outcome) {
          break;
        }
      }
      if (outcome && window->input_error) outcome = fail(*window->input_error);
      if (!outcome || stop) break;
      progress.update({.rows = converted.rows,
                       .failed = converted.failed.count,
                       .bytes_done = window->progress.bytes_read,
                       .bytes_total = window->progress.bytes_total});
    }
  }
  progress.clear();
  const Status finished = writer.finish();
  return outcome ? finished : outcome;
}

ExitCode convert(const ConvertArguments& arguments, const GlobalOptions& global) {
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kNo);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  const auto format = data_output_format(arguments.output, input->reader().format());
  if (!format) return data_failed(format.error());
  if (const Status checked = check_output_is_no_input(input->files, arguments.output.output); !checked) {
    return data_failed(checked.error());
  }
  const auto output = open_data_output(arguments.output.output, signals.stop());
  if (!output) return data_failed(output.error(), signals);
  const auto writer = data_writer(*format, source.columns(), **output, arguments.output.output);
  if (!writer) return data_failed(writer.error());

  Progress progress(data_progress_style(global, arguments.output.output));
  Converted converted;
  const Status outcome = convert_all(source, **writer, progress, signals.stop(), converted);
  if (signals.signalled()) {
    print_note("interrupted");
    return signals.exit_code();
  }
  if (!outcome) return (*output)->sink().reader_gone() ? ExitCode::kOk : data_failed(outcome.error());
  tell_failed(converted.failed, global);
  if (converted.rows > 0 && converted.failed.count == converted.rows) {
    return data_failed(converted.failed.first.front().in("no row can be read; the first"));
  }
  if (const Status committed = (*output)->commit(); !committed) return data_failed(committed.error());
  const std::uint64_t lost = (*writer)->rows_with_lost_fields();
  if (lost > 0 && !global.quiet) {
    print_warning(
        fmt::format("{} rows had fields that no column holds, which are left out: columns are those of the "
                    "first object. -f jsonl keeps them",
                    with_thousands(lost)));
  }
  if (!global.quiet && arguments.output.output != "-") {
    print_note(
        fmt::format("{}: {} rows", arguments.output.output, with_thousands(converted.rows - converted.failed.count)));
  }
  return converted.failed.count == 0 && lost == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_data_convert(CLI::App& data) {
  CLI::App* app = data.add_subcommand("convert", "The same records in another format: CSV, TSV, JSON Lines");
  app->footer(kExamples);
  const auto arguments = std::make_shared<ConvertArguments>();
  declare_data_input(*app, arguments->input, TextOption::kNo, LabelOption::kNo);
  declare_data_output(*app, arguments->output);
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return convert(*arguments, global); }};
}

}  // namespace valence::cli

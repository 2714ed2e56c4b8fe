/// \file
/// `valence data balance`: classes made equally frequent, or weighted as if they were.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>

#include "valence/base/json.h"
#include "valence/cli/labelled_records.h"
#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"
#include "valence/data/balance.h"
#include "valence/data/label_column.h"
#include "valence/pipeline/labelled_texts.h"

namespace valence::cli {
namespace {

enum class Method { kOver, kUnder, kWeights };
constexpr std::array<Choice<Method>, 3> kMethods{
    {{"over", Method::kOver}, {"under", Method::kUnder}, {"weights", Method::kWeights}}};
constexpr std::size_t kMostRows = 100'000'000;

constexpr const char* kExamples = R"(
Examples:
  valence data balance train.csv --method weights -o weights.json
  valence data balance train.csv --method over -o balanced.csv
  valence data balance train.csv --method under --to 500 --seed 7 -o balanced.csv)";

struct BalanceArguments {
  DataInputArguments input;
  DataOutputArguments output;
  std::string method;
  std::string to;
  std::string seed = "0";
  bool dry_run = false;
};

/// {"negative": 0.55, "positive": 1.8}
std::string weights_json(const LabelledRecords& rows) {
  const std::vector<double> weights = data::balanced_weights(rows.counts);
  std::string json = "{";
  for (std::size_t id = 0; id < rows.labels.size(); ++id) {
    json += id == 0 ? "\n  " : ",\n  ";
    append_json_string(json, rows.labels[id]);
    json += ": ";
    append_json_float(json, static_cast<float>(weights[id]));
  }
  return json + "\n}\n";
}

Status write_text(const std::string& path, std::string_view text, const std::atomic<bool>& stop) {
  VALENCE_TRY(const auto file, open_data_output(path, stop));
  file->sink().buffer() += text;
  VALENCE_TRY_STATUS(file->sink().end_record());
  VALENCE_TRY_STATUS(file->sink().flush());
  return file->commit();
}

Status write_rows(const LabelledRecords& rows, const std::vector<std::uint32_t>& chosen,
                  const BalanceArguments& arguments, const pipeline::Source& source, const std::atomic<bool>& stop) {
  VALENCE_TRY(const auto format, data_output_format(arguments.output, source.reader()->format()));
  VALENCE_TRY(const auto file, open_data_output(arguments.output.output, stop));
  VALENCE_TRY(const auto writer, data_writer(format, source.columns(), *file, arguments.output.output));
  for (const std::uint32_t row : chosen) VALENCE_TRY_STATUS(writer->write({.carried = &rows.records[row].carried}));
  VALENCE_TRY_STATUS(writer->finish());
  return file->commit();
}

/// How many rows each label is to have: --to, or as many as the largest (over) or smallest (under) has.
std::size_t target_of(Method method, std::size_t to, const LabelledRecords& rows) {
  if (to > 0) return to;
  return static_cast<std::size_t>(method == Method::kOver ? std::ranges::max(rows.counts)
                                                          : std::ranges::min(rows.counts));
}

void tell_counts(const LabelledRecords& rows, const std::vector<std::uint32_t>& chosen) {
  std::vector<LabelCount> counts = label_counts(rows);
  for (LabelCount& count : counts) count.rows = 0;
  for (const std::uint32_t row : chosen) ++counts[rows.label_of[row]].rows;
  const bool unicode = !is_dumb_terminal();
  const std::string table = fmt::format("  before\n{}  after\n{}", label_table(label_counts(rows), unicode),
                                        label_table(std::move(counts), unicode));
  std::fwrite(table.data(), 1, table.size(), stderr);
}

ExitCode run_balance(const BalanceArguments& arguments, const GlobalOptions& global) {
  const auto method = choose("--method", arguments.method, kMethods);
  if (!method) return data_failed(method.error());
  const auto to = parse_count("--to", arguments.to, kMostRows);
  if (!to) return data_failed(to.error());
  const auto seed = parse_seed(arguments.seed);
  if (!seed) return data_failed(seed.error());
  if (*method == Method::kWeights && *to > 0) {
    return data_failed(
        {ErrorCode::kInvalidArgument, "--to", "says how many rows a class gets; weights leave the rows"});
  }
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kNo);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  if (const Status checked = check_output_is_no_input(input->files, arguments.output.output); !checked) {
    return data_failed(checked.error());
  }
  const auto label_column = find_label_column(source, arguments.input);
  if (!label_column) return data_failed(label_column.error());
  if (!*label_column) {
    return data_failed(data::check_label_column(input->reader(), pipeline::kUsualLabelColumn).error());
  }
  Progress progress(data_progress_style(global, arguments.output.output));
  const auto rows = read_labelled(source, *label_column, progress);
  if (!rows) return data_failed(rows.error(), signals);
  tell_failed(rows->failed, global);
  if (rows->labels.size() == 1) {
    return data_failed(
        {ErrorCode::kInvalidData, input->reader().name(),
         fmt::format("every row is labelled {}: there is nothing to balance", in_quotes(rows->labels[0])),
         "say another --label-column"});
  }
  if (rows->unlabelled > 0 && !global.quiet) {
    print_warning(fmt::format("{} rows without a label are left out", with_thousands(rows->unlabelled)));
  }
  Status written;
  if (*method == Method::kWeights) {
    if (!global.quiet) {
      const std::string table = label_table(label_counts(*rows), !is_dumb_terminal());
      std::fwrite(table.data(), 1, table.size(), stderr);
    }
    if (!arguments.dry_run) written = write_text(arguments.output.output, weights_json(*rows), signals.stop());
  } else {
    const std::size_t target = target_of(*method, *to, *rows);
    const auto chosen = *method == Method::kOver ? data::oversampled(rows->label_of, target, *seed)
                                                 : data::undersampled(rows->label_of, target, *seed);
    if (!global.quiet) tell_counts(*rows, chosen);
    if (!arguments.dry_run) written = write_rows(*rows, chosen, arguments, source, signals.stop());
  }
  if (!written) return data_failed(written.error(), signals);
  return rows->failed.count == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_data_balance(CLI::App& data) {
  CLI::App* app = data.add_subcommand("balance", "Make classes equally frequent, or compute their weights");
  app->footer(kExamples);
  const auto arguments = std::make_shared<BalanceArguments>();
  declare_data_input(*app, arguments->input, TextOption::kNo, LabelOption::kYes);
  declare_data_output(*app, arguments->output);
  app->add_option("--method", arguments->method,
                  "over: repeat rows of rare labels; under: leave out rows of frequent ones; weights: JSON of label to "
                  "weight, for training")
      ->type_name("HOW")
      ->required();
  app->add_option("--to", arguments->to, "Rows a label gets [over: as the largest has, under: as the smallest]")
      ->type_name("N");
  app->add_option("--seed", arguments->seed, "Draws other rows; the same everywhere for one number [0]")
      ->type_name("N");
  app->add_flag("--dry-run", arguments->dry_run, "Count, write nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_balance(*arguments, global); }};
}

}  // namespace valence::cli

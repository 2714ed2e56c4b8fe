/// \file
/// `valence data stats`: what a data set is made of, before anybody trains on it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "valence/cli/data_options.h"
#include "valence/cli/json_writer.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/terminal.h"
#include "valence/data/dataset_stats.h"
#include "valence/data/shown_text.h"
#include "valence/pipeline/read_ahead.h"

namespace valence::cli {
namespace {

constexpr std::string_view kNoModel = "none";

constexpr const char* kExamples = R"(
Examples:
  valence data stats labelled.csv
  valence data stats feedback.csv --text-column comment --label-column sentiment
  valence data stats train.jsonl.gz -m ./my-model --json)";

struct StatsArguments {
  DataInputArguments input;
  std::string model = std::string(kDefaultModelName);
  bool json = false;
};

/// What reads texts, and how long they may be; nothing for `-m none`.
struct TokenCounter {
  std::optional<Tokenizer> tokenizer;
  std::optional<std::size_t> max_length;

  [[nodiscard]] std::optional<std::size_t> count(std::string_view text) const {
    if (!tokenizer) return std::nullopt;
    const auto encoded = tokenizer->encode(text, {.with_offsets = false});
    return encoded ? std::optional(encoded->ids.size()) : std::nullopt;
  }
};

Result<TokenCounter> make_counter(const std::string& model) {
  TokenCounter counter;
  if (model == kNoModel) return counter;
  VALENCE_TRY(Tokenizer tokenizer, load_tokenizer_of(model));
  counter.max_length = tokenizer.model_max_length();
  counter.tokenizer = std::move(tokenizer);
  return counter;
}

Status count_all(pipeline::Source& source, const TokenCounter& counter, Progress& progress, std::atomic<bool>& stop,
                 data::DatasetStats& stats) {
  pipeline::ReadAhead reader(source, {}, stop);
  while (auto window = reader.next()) {
    for (const data::Row& row : window->rows) stats.add(row, row ? counter.count(row->text) : std::nullopt);
    if (window->input_error) return fail(*window->input_error);
    if (stop) break;
    progress.update({.rows = stats.rows,
                     .failed = stats.unreadable,
                     .bytes_done = window->progress.bytes_read,
                     .bytes_total = window->progress.bytes_total});
  }
  progress.clear();
  return {};
}

std::string length_line(std::string_view name, const data::LengthCounts& lengths) {
  return fmt::format("  {:<7} {:>9.1f} {:>9} {:>9} {:>9} {:>9}\n", name, lengths.mean(),
                     with_thousands(lengths.quantile(0.5)), with_thousands(lengths.quantile(0.95)),
                     with_thousands(lengths.quantile(0.99)), with_thousands(lengths.longest()));
}

std::string share_of(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? "" : fmt::format("{:6.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

std::string stats_table(const data::DatasetStats& stats, const TokenCounter& counter, bool unicode) {
  std::string out = fmt::format("{} rows", with_thousands(stats.rows));
  if (stats.unreadable > 0) out += fmt::format(", {} of them cannot be read", with_thousands(stats.unreadable));
  out += '\n';
  std::string nulls;
  for (std::size_t i = 0; i < stats.columns().size(); ++i) {
    if (stats.missing[i] == 0) continue;
    const std::string column = data::shown(stats.columns()[i], 32, unicode);
    nulls += fmt::format("  {}{} {:>12} {}\n", column, std::string(32 - data::display_width(column), ' '),
                         with_thousands(stats.missing[i]), share_of(stats.missing[i], stats.rows));
  }
  if (!nulls.empty()) out += "\nrows without a value\n" + nulls;
  out += fmt::format("\ntexts seen before\n  {:<32} {:>12} {}\n", "the same", with_thousands(stats.duplicates),
                     share_of(stats.duplicates, stats.rows));
  out += fmt::format("  {:<32} {:>12} {}\n", "but for case and white space", with_thousands(stats.near_duplicates),
                     share_of(stats.near_duplicates, stats.rows));
  if (stats.label_column()) {
    out += fmt::format("  {:<32} {:>12} {}\n", "with another label", with_thousands(stats.conflicts),
                       share_of(stats.conflicts, stats.rows));
    std::vector<LabelCount> counts;
    for (const auto& [label, rows] : stats.labels) counts.push_back({label, rows});
    out += fmt::format("\n{} labels\n", with_thousands(counts.size()));
    out += label_table(std::move(counts), unicode);
  }
  out += fmt::format("\n{:<9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "length", "mean", "median", "95 %", "99 %", "longest");
  out += length_line("words", stats.words);
  if (counter.tokenizer) out += length_line("tokens", stats.tokens);
  out += "\nscripts\n";
  std::vector<LabelCount> scripts;
  for (std::size_t i = 0; i < data::kScripts; ++i) {
    if (stats.scripts[i] > 0) {
      scripts.push_back({std::string(name_of(static_cast<data::Script>(i))), stats.scripts[i]});
    }
  }
  return out + label_table(std::move(scripts), unicode);
}

void write_lengths(JsonWriter& json, std::string_view key, const data::LengthCounts& lengths) {
  json.open_object(key);
  json.value("mean", lengths.mean());
  json.value("median", std::uint64_t{lengths.quantile(0.5)});
  json.value("p95", std::uint64_t{lengths.quantile(0.95)});
  json.value("p99", std::uint64_t{lengths.quantile(0.99)});
  json.value("longest", std::uint64_t{lengths.longest()});
  json.close();
}

std::vector<std::string> cautions_of(const data::DatasetStats& stats, const TokenCounter& counter) {
  auto cautions = data::label_cautions(stats.labels);
  if (stats.unlabelled > 0) {
    cautions.push_back(fmt::format("{} rows have no label", with_thousands(stats.unlabelled)));
  }
  if (stats.conflicts > 0) {
    cautions.push_back(fmt::format("{} texts are labelled in two ways", with_thousands(stats.conflicts)));
  }
  if (counter.max_length) {
    const std::uint64_t longer = stats.tokens.longer_than(*counter.max_length);
    if (longer > 0) {
      cautions.push_back(fmt::format("{} texts have more than the model's {} tokens: what is beyond is cut",
                                     with_thousands(longer), *counter.max_length));
    }
  }
  return cautions;
}

std::string stats_json(const data::DatasetStats& stats, const TokenCounter& counter) {
  JsonWriter json;
  json.open_object();
  json.value("rows", stats.rows);
  json.value("unreadable", stats.unreadable);
  json.open_object("missing");
  for (std::size_t i = 0; i < stats.columns().size(); ++i) json.value(stats.columns()[i], stats.missing[i]);
  json.close();
  json.value("duplicates", stats.duplicates);
  json.value("near_duplicates", stats.near_duplicates);
  json.value("label_conflicts", stats.conflicts);
  json.value("unlabelled", stats.unlabelled);
  json.open_object("labels");
  for (const auto& [label, rows] : stats.labels) json.value(label, rows);
  json.close();
  write_lengths(json, "words", stats.words);
  if (counter.tokenizer) write_lengths(json, "tokens", stats.tokens);
  json.open_object("scripts");
  for (std::size_t i = 0; i < data::kScripts; ++i) {
    if (stats.scripts[i] > 0) json.value(name_of(static_cast<data::Script>(i)), stats.scripts[i]);
  }
  json.close();
  json.open_array("warnings");
  for (const std::string& caution : cautions_of(stats, counter)) json.value("", caution);
  json.close();
  json.close();
  return json.text();
}

ExitCode run_stats(const StatsArguments& arguments, const GlobalOptions& global) {
  SignalWatcher signals;
  const auto input = begin_data(arguments.input, global, signals, TextOption::kYes);
  if (!input) return data_failed(input.error(), signals);
  pipeline::Source& source = *input->source;
  const auto label_column = find_label_column(source, arguments.input);
  if (!label_column) return data_failed(label_column.error());
  const auto counter = make_counter(arguments.model);
  if (!counter) return data_failed(counter.error());

  data::DatasetStats stats(source.columns(), source.reader()->text_column(), *label_column);
  Progress progress(progress_style(global));
  const Status counted = count_all(source, *counter, progress, signals.stop(), stats);
  if (!counted) return data_failed(counted.error(), signals);
  if (signals.signalled()) return signals.exit_code();
  if (stats.rows == 0) {
    return data_failed({ErrorCode::kInvalidData, source.reader()->name(), "has no rows"});
  }
  if (stats.unreadable == stats.rows) {
    return data_failed({ErrorCode::kInvalidData, source.reader()->name(), "no row can be read",
                        "check --encoding, --input-format and --delimiter"});
  }
  const ExitCode printed =
      print_to_stdout(arguments.json ? stats_json(stats, *counter) : stats_table(stats, *counter, !is_dumb_terminal()));
  if (printed != ExitCode::kOk) return printed;
  if (!global.quiet) {
    for (const std::string& caution : cautions_of(stats, *counter)) print_warning(caution);
    if (!*label_column) print_note("no column \"label\": --label-column says where the labels are");
  }
  return stats.unreadable == 0 ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_data_stats(CLI::App& data) {
  CLI::App* app = data.add_subcommand("stats", "Rows, gaps, repeats, labels, lengths, scripts, and what to beware of");
  app->footer(kExamples);
  const auto arguments = std::make_shared<StatsArguments>();
  declare_data_input(*app, arguments->input, TextOption::kYes, LabelOption::kYes);
  app->add_option("-m,--model", arguments->model,
                  "Whose tokenizer counts the tokens: a directory, org/name, default, or none [default]")
      ->type_name("REF");
  app->add_flag("--json", arguments->json, "As JSON");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_stats(*arguments, global); }};
}

}  // namespace valence::cli

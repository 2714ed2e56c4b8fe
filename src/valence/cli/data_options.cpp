#include "valence/cli/data_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "valence/cli/option_values.h"
#include "valence/cli/terminal.h"
#include "valence/data/label_column.h"
#include "valence/data/shown_text.h"
#include "valence/pipeline/labelled_texts.h"

namespace valence::cli {
namespace {

constexpr std::size_t kShownRowErrors = 5;
constexpr std::size_t kBarColumns = 30;
constexpr std::size_t kLabelColumns = 32;
constexpr std::size_t kListedLabels = 40;

Result<std::optional<char>> parse_delimiter(const std::string& word) {
  if (word.empty()) return std::nullopt;
  if (word == "tab" || word == "\\t" || word == "\t") return '\t';
  const bool is_usable = word.size() == 1 && word[0] > ' ' && word[0] < 0x7F && word[0] != '"';
  if (is_usable) return word[0];
  return fail(ErrorCode::kInvalidArgument, "--delimiter", fmt::format("\"{}\" is not one character or tab", word));
}

/// Standard input for no inputs, unless that is a terminal.
Result<std::vector<std::string>> data_inputs(const DataInputArguments& arguments) {
  if (!arguments.inputs.empty()) return arguments.inputs;
  if (!is_terminal(STDIN_FILENO)) return std::vector<std::string>{"-"};
  return fail(ErrorCode::kInvalidArgument, "", "no input: expected a file, or - for standard input",
              "--help shows examples");
}

/// Says aloud what was guessed of the input: the delimiter.
void tell_detected(const pipeline::Source& source, const DataInputArguments& arguments, const GlobalOptions& global) {
  const data::RecordReader& reader = *source.reader();
  const auto delimiter = reader.delimiter();
  const bool is_guess = reader.format() == data::InputFormat::kCsv && arguments.delimiter.empty() && delimiter != ',';
  if (!is_guess || global.quiet) return;
  print_note(fmt::format("{}: cells are separated by {}", reader.name(),
                         *delimiter == '\t' ? std::string("tabs") : fmt::format("\"{}\"", *delimiter)));
}

}  // namespace

void declare_data_input(CLI::App& app, DataInputArguments& arguments, TextOption text, LabelOption label) {
  app.add_option("inputs", arguments.inputs,
                 "Files (.csv .tsv .jsonl .ndjson .txt, also .gz and .zst); - is standard input")
      ->type_name("FILE");
  const auto input = "Input";
  app.add_option("--input-format", arguments.input_format, "csv, tsv, jsonl or txt [by suffix; standard input: txt]")
      ->type_name("F")
      ->group(input);
  if (text == TextOption::kYes) {
    app.add_option("--text-column", arguments.text_column,
                   "Column or field that holds the text [text, sentence, comment, content, review, body or message]")
        ->type_name("C")
        ->group(input);
  }
  if (label == LabelOption::kYes) {
    app.add_option("--label-column", arguments.label_column, "Column or field that holds the label [label]")
        ->type_name("C")
        ->group(input);
  }
  app.add_option(
         "--delimiter", arguments.delimiter,
         "What separates the cells of a csv: one character, or tab [a comma; or ; tab | where the header says so]")
      ->type_name("D")
      ->group(input);
  app.add_option("--encoding", arguments.encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E")
      ->group(input);
}

void declare_data_output(CLI::App& app, DataOutputArguments& arguments) {
  app.add_option("-o,--output", arguments.output,
                 "Output file, written as FILE.partial and renamed when whole; - is standard output [-]")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("-f,--format", arguments.format, "csv, tsv or jsonl [by suffix, or as the input]")
      ->type_name("F")
      ->group("Output");
}

Result<data::ReaderOptions> data_reader_options(const DataInputArguments& arguments) {
  data::ReaderOptions options;
  VALENCE_TRY(options.format, parse_input_format(arguments.input_format));
  VALENCE_TRY(options.encoding, parse_encoding(arguments.encoding));
  VALENCE_TRY(options.delimiter, parse_delimiter(arguments.delimiter));
  options.detect_delimiter = true;
  if (!arguments.text_column.empty()) options.text_column = arguments.text_column;
  return options;
}

Result<data::OutputFormat> data_output_format(const DataOutputArguments& arguments, data::InputFormat input) {
  const auto is_of_records = [](data::OutputFormat format) {
    return format == data::OutputFormat::kCsv || format == data::OutputFormat::kTsv ||
           format == data::OutputFormat::kJsonl;
  };
  if (!arguments.format.empty()) {
    const auto format = data::parse_output_format(arguments.format);
    if (format && is_of_records(*format)) return *format;
    return fail(not_one_of("--format", arguments.format, {"csv", "tsv", "jsonl"}));
  }
  const std::string path(data::without_compression(arguments.output));
  const auto by_suffix = data::output_format_of(path);
  if (by_suffix && is_of_records(*by_suffix)) return *by_suffix;
  const bool tells_other = path != "-" && !path.starts_with("/dev/") && std::filesystem::path(path).has_extension();
  if (tells_other) {
    return fail(ErrorCode::kInvalidArgument, path, "its suffix tells no output format (.csv .tsv .jsonl .ndjson)",
                "say it with --format");
  }
  switch (input) {
    case data::InputFormat::kTsv:
      return data::OutputFormat::kTsv;
    case data::InputFormat::kJsonl:
      return data::OutputFormat::kJsonl;
    case data::InputFormat::kCsv:
    case data::InputFormat::kTxt:
      return data::OutputFormat::kCsv;
  }
  return data::OutputFormat::kCsv;
}

Result<std::unique_ptr<pipeline::Source>> open_data(const std::vector<std::string>& inputs,
                                                    const data::ReaderOptions& options) {
  VALENCE_TRY(auto source, pipeline::open_files(inputs, options, true));
  const data::RecordReader& reader = *source->reader();
  if (reader.columns().empty()) {
    return fail(ErrorCode::kInvalidData, reader.name(), "is empty: no line holds a JSON object");
  }
  if (reader.text_column().find('.') != std::string::npos &&
      std::ranges::find(reader.columns(), reader.text_column()) == reader.columns().end()) {
    return fail(ErrorCode::kUnsupported, "--text-column",
                fmt::format("\"{}\" lies inside another field, which cannot be rewritten", reader.text_column()),
                "put the text into a field of its own first");
  }
  return source;
}

Result<DataInput> begin_data(const DataInputArguments& arguments, const GlobalOptions& global, SignalWatcher& signals,
                             TextOption text) {
  DataInput input;
  VALENCE_TRY(input.options, data_reader_options(arguments));
  VALENCE_TRY(input.files, data_inputs(arguments));
  input.options.stop = &signals.stop();
  input.options.without_text = text == TextOption::kNo;
  VALENCE_TRY(input.source, open_data(input.files, input.options));
  tell_detected(*input.source, arguments, global);
  return input;
}

Result<std::optional<std::string>> find_label_column(const pipeline::Source& source,
                                                     const DataInputArguments& arguments) {
  const data::RecordReader& reader = *source.reader();
  if (!arguments.label_column.empty()) {
    VALENCE_TRY_STATUS(data::check_label_column(reader, arguments.label_column));
    return arguments.label_column;
  }
  const std::string usual = pipeline::kUsualLabelColumn;
  if (std::ranges::find(reader.columns(), usual) == reader.columns().end()) return std::nullopt;
  return usual;
}

Result<std::unique_ptr<data::OutputFile>> open_data_output(const std::string& path, const std::atomic<bool>& stop) {
  return data::OutputFile::open(path, {.stop = &stop, .compression = data::compression_of(path)});
}

Result<std::unique_ptr<data::Writer>> data_writer(data::OutputFormat format, std::vector<std::string> columns,
                                                  data::OutputFile& output, const std::string& path) {
  return data::make_writer(format, {.input_columns = std::move(columns), .records_only = true}, output.sink(),
                           {.to_terminal = path == "-" && is_terminal(STDOUT_FILENO)});
}

Result<DataRows> read_all(pipeline::Source& source, Progress& progress) {
  DataRows all;
  std::vector<data::Row> rows;
  std::uint64_t read = 0;
  auto state = data::ReaderState::kMore;
  while (state == data::ReaderState::kMore) {
    rows.clear();
    VALENCE_TRY(state, source.next(rows, {}));
    read += rows.size();
    for (data::Row& row : rows) {
      if (row) {
        all.records.push_back(std::move(*row));
      } else {
        all.failed.add(std::move(row.error().error));
      }
    }
    const auto so_far = source.progress();
    progress.update(
        {.rows = read, .failed = all.failed.count, .bytes_done = so_far.bytes_read, .bytes_total = so_far.bytes_total});
  }
  progress.clear();
  if (all.records.empty()) {
    if (all.failed.count > 0) return fail(all.failed.first.front().in("no row can be used; the first"));
    return fail(ErrorCode::kInvalidData, source.reader()->name(), "has no rows");
  }
  return all;
}

void FailedRows::add(Error error) {
  if (++count <= kShownRowErrors) first.push_back(std::move(error));
}

void tell_failed(const FailedRows& failed, const GlobalOptions& global) {
  if (global.quiet) return;
  for (const Error& error : failed.first) print_warning(error.to_string());
  if (failed.count > failed.first.size()) {
    print_note(fmt::format("and {} more rows that cannot be read", with_thousands(failed.count - failed.first.size())));
  }
}

ExitCode data_failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

ExitCode data_failed(const Error& error, const SignalWatcher& signals) {
  return signals.signalled() ? signals.exit_code() : data_failed(error);
}

Progress::Style data_progress_style(const GlobalOptions& global, const std::string& output) {
  const Progress::Style style = progress_style(global);
  const bool rows_on_terminal = output == "-" && is_terminal(STDOUT_FILENO);
  return style == Progress::Style::kTerminal && rows_on_terminal ? Progress::Style::kQuiet : style;
}

std::string label_table(std::vector<LabelCount> labels, bool unicode) {
  std::ranges::stable_sort(labels, std::ranges::greater(), &LabelCount::rows);
  std::uint64_t total = 0;
  std::size_t width = 0;
  for (const LabelCount& count : labels) {
    total += count.rows;
    width = std::max(width, data::display_width(data::shown(count.label, kLabelColumns, unicode)));
  }
  std::string out;
  std::size_t listed = 0;
  for (const LabelCount& count : labels) {
    if (++listed > kListedLabels) {
      out += fmt::format("  and {} more labels\n", labels.size() - kListedLabels);
      break;
    }
    const std::string label = data::shown(count.label, kLabelColumns, unicode);
    const double share = static_cast<double>(count.rows) / static_cast<double>(std::max<std::uint64_t>(total, 1));
    const double of_largest = static_cast<double>(count.rows) / static_cast<double>(labels.front().rows);
    std::string bar;
    for (auto i = std::lround(of_largest * kBarColumns); i > 0; --i) bar += unicode ? "█" : "#";
    out += fmt::format("  {}{} {:>12} {:6.1f} %  {}\n", label, std::string(width - data::display_width(label), ' '),
                       with_thousands(count.rows), 100 * share, bar);
    while (out.ends_with(" \n")) out.erase(out.size() - 2, 1);
  }
  return out;
}

}  // namespace valence::cli

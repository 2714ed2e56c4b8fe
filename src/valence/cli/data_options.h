/// \file
/// What the subcommands of `valence data` share: their inputs, their output, how they end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/command.h"
#include "valence/cli/progress.h"
#include "valence/cli/signals.h"
#include "valence/data/formats.h"
#include "valence/data/output_file.h"
#include "valence/data/record_reader.h"
#include "valence/data/writer.h"
#include "valence/pipeline/source.h"

namespace valence::cli {

/// As written.
struct DataInputArguments {
  std::vector<std::string> inputs;
  std::string input_format;
  std::string text_column;
  std::string label_column;  ///< empty: kUsualLabelColumn, where it is there
  std::string delimiter;
  std::string encoding = "utf-8";
};

struct DataOutputArguments {
  std::string output = "-";
  std::string format;
};

enum class LabelOption { kYes, kNo };
enum class TextOption { kYes, kNo };

void declare_data_input(CLI::App& app, DataInputArguments& arguments, TextOption text, LabelOption label);
void declare_data_output(CLI::App& app, DataOutputArguments& arguments);

/// Of a csv the delimiter is detected where none was given.
Result<data::ReaderOptions> data_reader_options(const DataInputArguments& arguments);

/// The inputs of a command, opened.
struct DataInput {
  std::vector<std::string> files;  ///< "-" is standard input
  data::ReaderOptions options;
  std::unique_ptr<pipeline::Source> source;

  [[nodiscard]] const data::RecordReader& reader() const { return *source->reader(); }
};

/// What every command of `data` begins with once its own options are understood: inputs are opened, standard input
/// where none is named and it is no terminal, and what was guessed of them is said. A signal ends a wait for them.
Result<DataInput> begin_data(const DataInputArguments& arguments, const GlobalOptions& global, SignalWatcher& signals,
                             TextOption text);

/// -f, else by the suffix of -o before .gz and .zst, else the format of the input, csv for txt.
Result<data::OutputFormat> data_output_format(const DataOutputArguments& arguments, data::InputFormat input);

/// All files with the columns of the first where they are csv or tsv. A first file without a row that tells columns is
/// kInvalidData.
Result<std::unique_ptr<pipeline::Source>> open_data(const std::vector<std::string>& inputs,
                                                    const data::ReaderOptions& options);

/// The column of labels: the one that was given, which must be there, or "label" where it is.
Result<std::optional<std::string>> find_label_column(const pipeline::Source& source,
                                                     const DataInputArguments& arguments);

/// -o FILE, compressed where it ends in .gz or .zst.
Result<std::unique_ptr<data::OutputFile>> open_data_output(const std::string& path, const std::atomic<bool>& stop);

/// Records, and no results, into `output`.
Result<std::unique_ptr<data::Writer>> data_writer(data::OutputFormat format, std::vector<std::string> columns,
                                                  data::OutputFile& output, const std::string& path);

/// Rows that cannot be read: how many, and the first few.
struct FailedRows {
  std::uint64_t count = 0;
  std::vector<Error> first;

  void add(Error error);
};

/// All rows of the inputs, in memory, for what has to see them all before it can write the first.
struct DataRows {
  std::vector<data::Record> records;
  FailedRows failed;
};
Result<DataRows> read_all(pipeline::Source& source, Progress& progress);

/// Warns of them: the first few, and how many more.
void tell_failed(const FailedRows& failed, const GlobalOptions& global);

/// Prints the error; a signal's exit code where a signal was the cause.
ExitCode data_failed(const Error& error, const SignalWatcher& signals);
ExitCode data_failed(const Error& error);

/// Progress of a command whose rows may scroll by on the terminal.
[[nodiscard]] Progress::Style data_progress_style(const GlobalOptions& global, const std::string& output);

/// "label       rows   share" with bars: how many rows each has, most first.
struct LabelCount {
  std::string label;
  std::uint64_t rows = 0;
};
[[nodiscard]] std::string label_table(std::vector<LabelCount> labels, bool unicode);

}  // namespace valence::cli

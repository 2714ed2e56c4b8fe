/// \file
/// The options of `valence classify`, as written and as meant.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/data/formats.h"
#include "valence/data/record_reader.h"
#include "valence/data/resume_journal.h"
#include "valence/pipeline/runner.h"
#include "valence/store/stored_record.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// The words of the command line, one member an option (CLI.md), unchecked.
struct ClassifyArguments {
  std::vector<std::string> inputs;
  std::vector<std::string> texts;
  std::vector<std::string> text_pairs;
  std::string text_pair_column;
  std::string model = "default";
  std::string input_format;
  std::string text_column;
  std::string output = "-";
  std::string format;
  std::string top_k = "1";
  std::string function;
  std::vector<std::string> labels;
  std::string threshold;
  bool abstain = false;
  bool no_calibration = false;
  std::string max_length;
  std::string on_long = "truncate";
  std::string batch_tokens;
  std::string threads;
  std::string device = "cpu";
  std::string precision = "auto";
  std::string adapter;
  std::string zero_shot;
  std::string hypothesis_template = "This example is {}.";
  bool multi_label = false;
  std::string aggregation_strategy = "none";
  std::string encoding = "utf-8";
  std::string on_error = "keep";
  bool resume = false;
  bool history = false;
  std::string history_db;
  std::string store_text = "hash";
  std::string stream;
  std::string fold = "on";
};

/// The same as the layers below take it.
struct ClassifyOptions {
  ClassifierOptions classifier;
  data::ReaderOptions reader;
  pipeline::RunOptions run;
  data::OutputFormat format = data::OutputFormat::kJsonl;
  store::TextPolicy store_text = store::TextPolicy::kHash;
};

/// Declares every option of CLI.md's table on `app`, bound to `arguments`.
void declare_classify_options(CLI::App& app, ClassifyArguments& arguments);

/// Checks each value and each combination. `stdout_is_terminal` decides the default format. Errors name the option:
/// kInvalidArgument for nonsense, kUnsupported for what this version does not do.
Result<ClassifyOptions> interpret(const ClassifyArguments& arguments, bool stdout_is_terminal);

/// Everything but the inputs that shapes the output, for --resume.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> settings_of(const ClassifyArguments& arguments,
                                                                           const ClassifyOptions& options);

}  // namespace valence::cli

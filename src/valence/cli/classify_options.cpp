#include "valence/cli/classify_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <utility>

#include "valence/base/thread_pool.h"
#include "valence/cli/history_options.h"
#include "valence/cli/option_values.h"

namespace valence::cli {
namespace {

constexpr std::size_t kMaxTopK = 1'000'000;
constexpr std::size_t kMaxTokens = std::size_t{1} << 24;
constexpr std::size_t kMinWindowBytes = std::size_t{128} << 10;
constexpr std::size_t kWindowBytesPerThread = std::size_t{64} << 10;

constexpr std::array<Choice<LongText>, 3> kOnLong{
    {{"truncate", LongText::kTruncate}, {"window", LongText::kWindow}, {"error", LongText::kError}}};
constexpr std::array<Choice<pipeline::OnError>, 3> kOnError{
    {{"fail", pipeline::OnError::kFail}, {"keep", pipeline::OnError::kKeep}, {"skip", pipeline::OnError::kSkip}}};
constexpr std::array<Choice<ScoreFunction>, 3> kFunctions{
    {{"softmax", ScoreFunction::kSoftmax}, {"sigmoid", ScoreFunction::kSigmoid}, {"none", ScoreFunction::kNone}}};
constexpr std::array<Choice<AggregationStrategy>, 5> kAggregations{{{"none", AggregationStrategy::kNone},
                                                                    {"simple", AggregationStrategy::kSimple},
                                                                    {"first", AggregationStrategy::kFirst},
                                                                    {"average", AggregationStrategy::kAverage},
                                                                    {"max", AggregationStrategy::kMax}}};
constexpr std::array<Choice<bool>, 2> kOnOff{{{"on", true}, {"off", false}}};

tl::unexpected<Error> not_built_in(std::string option, std::string_view what, std::string hint = {}) {
  return fail(ErrorCode::kUnsupported, std::move(option), fmt::format("{} is not built in yet", what), std::move(hint));
}

/// Options of the contract that this version refuses rather than ignores.
Status refuse_unbuilt(const ClassifyArguments& arguments) {
  if (arguments.device.starts_with("cuda")) return not_built_in("--device", "CUDA", "leave it out to run on the CPU");
  if (arguments.device != "cpu") {
    return fail(ErrorCode::kInvalidArgument, "--device",
                fmt::format("\"{}\" is not one of cpu, cuda, cuda:N", arguments.device));
  }
  return {};
}

Result<std::size_t> parse_top_k(const std::string& word) {
  if (word == "all") return 0;
  const auto count = parse_count("--top-k", word, kMaxTopK);
  if (count && *count > 0) return count;
  return fail(ErrorCode::kInvalidArgument, "--top-k", fmt::format("\"{}\" is neither a number from 1 nor all", word));
}

/// Scores of softmax and sigmoid lie between 0 and 1; logits (--function none) may be anything finite.
Result<std::optional<float>> parse_threshold(const std::string& word, ScoreFunction function) {
  if (word.empty()) return std::nullopt;
  float threshold = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), threshold);
  const bool is_number = failed == std::errc() && end == word.data() + word.size() && std::isfinite(threshold);
  if (!is_number) return fail(ErrorCode::kInvalidArgument, "--threshold", fmt::format("\"{}\" is no number", word));
  if (function != ScoreFunction::kNone && (threshold < 0 || threshold > 1)) {
    return fail(ErrorCode::kInvalidArgument, "--threshold", fmt::format("{} is no score: expected 0 to 1", word),
                "logits, which --function none gives, may be compared with any number");
  }
  return threshold;
}

Result<data::OutputFormat> output_format(const ClassifyArguments& arguments, bool stdout_is_terminal) {
  if (!arguments.format.empty()) {
    const auto format = data::parse_output_format(arguments.format);
    if (format) return *format;
    return fail(ErrorCode::kInvalidArgument, "--format",
                fmt::format("\"{}\" is not one of table, csv, tsv, jsonl, json", arguments.format));
  }
  if (arguments.output == "-") return stdout_is_terminal ? data::OutputFormat::kTable : data::OutputFormat::kJsonl;
  if (const auto format = data::output_format_of(arguments.output)) return *format;
  const bool has_suffix = std::filesystem::path(arguments.output).has_extension();
  if (!has_suffix || arguments.output.starts_with("/dev/")) return data::OutputFormat::kJsonl;
  return fail(ErrorCode::kInvalidArgument, arguments.output,
              "its suffix tells no output format (.csv .tsv .jsonl .ndjson .json)", "say it with --format");
}

Result<data::ReaderOptions> reader_options(const ClassifyArguments& arguments) {
  data::ReaderOptions reader;
  VALENCE_TRY(reader.format, parse_input_format(arguments.input_format));
  VALENCE_TRY(reader.encoding, parse_encoding(arguments.encoding));
  if (!arguments.text_column.empty()) reader.text_column = arguments.text_column;
  if (!arguments.text_pair_column.empty()) reader.text_pair_column = arguments.text_pair_column;
  return reader;
}

/// The threshold was fitted for the scores of the model as it is, over all of its labels.
Status check_abstain(const ClassifyArguments& arguments) {
  const auto refuse = [](std::string_view other, std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "--abstain", fmt::format("does not go with {}: {}", other, why),
                "use --threshold X");
  };
  if (!arguments.threshold.empty()) return refuse("--threshold", "both say what is uncertain");
  if (arguments.no_calibration) return refuse("--no-calibration", "the threshold is part of the calibration");
  if (!arguments.labels.empty()) return refuse("--labels", "it was fitted over all labels");
  if (!arguments.zero_shot.empty()) return refuse("--zero-shot", "it was fitted for the model's own labels");
  if (!arguments.adapter.empty()) return refuse("--adapter", "it was fitted for the model without it");
  if (!arguments.function.empty()) return refuse("--function", "it was fitted for the model's own");
  return {};
}

Status check_combinations(const ClassifyArguments& arguments) {
  if (!arguments.texts.empty() && !arguments.inputs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--text", "literal texts and files cannot be classified in one run");
  }
  if (!arguments.text_pairs.empty() && arguments.text_pairs.size() != arguments.texts.size()) {
    return fail(ErrorCode::kInvalidArgument, "--text-pair",
                fmt::format("{} second texts for {} first ones", arguments.text_pairs.size(), arguments.texts.size()),
                "give one --text-pair for each --text");
  }
  if (!arguments.text_pair_column.empty() && !arguments.texts.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--text-pair-column", "is for files; literal texts take --text-pair");
  }
  if (arguments.abstain) VALENCE_TRY_STATUS(check_abstain(arguments));
  if (arguments.history && !arguments.text_pair_column.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--history", "holds single texts", "leave --text-pair-column out");
  }
  if (arguments.history && !arguments.text_pairs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--history", "holds single texts", "leave --text-pair out");
  }
  if (arguments.zero_shot.empty() && arguments.multi_label) {
    return fail(ErrorCode::kInvalidArgument, "--multi-label", "says how --zero-shot labels are scored",
                "add --zero-shot");
  }
  if (arguments.resume && arguments.output == "-") {
    return fail(ErrorCode::kInvalidArgument, "--resume", "needs an output file", "add -o FILE");
  }
  if (arguments.resume && arguments.inputs.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--resume", "needs input files that can be read again");
  }
  return {};
}

Result<ZeroShotOptions> zero_shot_options(const ClassifyArguments& arguments) {
  ZeroShotOptions zero_shot;
  if (arguments.zero_shot.empty()) return zero_shot;
  zero_shot.labels = split_list(arguments.zero_shot);
  if (zero_shot.labels.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--zero-shot", "names no label", "separate labels by commas");
  }
  zero_shot.hypothesis_template = arguments.hypothesis_template;
  zero_shot.multi_label = arguments.multi_label;
  return zero_shot;
}

}  // namespace

void declare_classify_options(CLI::App& app, ClassifyArguments& arguments) {
  app.add_option("inputs", arguments.inputs,
                 "Files (.csv .tsv .jsonl .ndjson .txt, also .gz and .zst); - is standard input")
      ->type_name("FILE");
  const auto input = "Input";
  app.add_option("-t,--text", arguments.texts, "A literal text; may be given again")
      ->type_name("TEXT")
      ->group(input)
      ->allow_extra_args(false);
  app.add_option("--text-pair", arguments.text_pairs, "The second text of the --text at its place, for models of pairs")
      ->type_name("TEXT")
      ->group(input)
      ->allow_extra_args(false);
  app.add_option("--input-format", arguments.input_format, "csv, tsv, jsonl or txt [by suffix; standard input: txt]")
      ->type_name("F")
      ->group(input);
  app.add_option("--text-column", arguments.text_column,
                 "Column, or dotted JSON field, that holds the text [text, sentence, comment, content, review, body or "
                 "message]")
      ->type_name("C")
      ->group(input);
  app.add_option("--text-pair-column", arguments.text_pair_column,
                 "Column or field of the second text, for models of pairs: premise and hypothesis, question and answer")
      ->type_name("C")
      ->group(input);
  app.add_option("--encoding", arguments.encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E")
      ->group(input);
  app.add_option("--on-error", arguments.on_error, "A bad row: fail (stop), keep (with an error column) or skip [keep]")
      ->type_name("WHAT")
      ->group(input);
  const auto output = "Output";
  app.add_option("-o,--output", arguments.output,
                 "Result file, written as FILE.partial and renamed when whole; - is standard output [-]")
      ->type_name("FILE")
      ->group(output);
  app.add_option("-f,--format", arguments.format,
                 "table, csv, tsv, jsonl or json [by suffix; a terminal: table, a pipe: jsonl]")
      ->type_name("F")
      ->group(output);
  app.add_option("--top-k", arguments.top_k, "How many ranked labels, or all [1]")->type_name("N")->group(output);
  app.add_option("--function", arguments.function, "softmax, sigmoid or none [the model's]")
      ->type_name("F")
      ->group(output);
  app.add_option("--labels", arguments.labels, "Keep only these labels and renormalise")
      ->delimiter(',')
      ->type_name("A,B")
      ->group(output)
      ->allow_extra_args(false);
  app.add_option("--threshold", arguments.threshold, "A best score below X gets the label `uncertain`")
      ->type_name("X")
      ->group(output);
  app.add_flag("--abstain", arguments.abstain,
               "Below the threshold that the model was calibrated for the label is `uncertain` (models calibrate)")
      ->group(output);
  app.add_flag("--no-calibration", arguments.no_calibration, "Leave the model's calibration.json alone")->group(output);
  app.add_flag("--resume", arguments.resume, "Go on from FILE.partial of an interrupted run")->group(output);
  const auto history = "History";
  app.add_flag("--history", arguments.history, "Also keep the results in the local history")->group(history);
  declare_history_place(app, arguments.history_db);
  app.get_option("--history-db")->group(history);
  app.add_option("--store-text", arguments.store_text, "What is kept of a text: none, hash or full [hash]")
      ->type_name("WHAT")
      ->group(history);
  app.add_option("--stream", arguments.stream,
                 "Stream of the records [the column stream, else default]; channel, subject and time are columns")
      ->type_name("NAME")
      ->group(history);
  const auto model = "Model and compute";
  app.add_option("-m,--model", arguments.model, "A model directory, or `default`, the built-in model [default]")
      ->type_name("REF")
      ->group(model);
  app.add_option("--max-length", arguments.max_length, "Tokens read of a text, special ones counted [the model's]")
      ->type_name("N")
      ->group(model);
  app.add_option("--on-long", arguments.on_long, "A longer text: truncate, window or error [truncate]")
      ->type_name("WHAT")
      ->group(model);
  app.add_option("--batch-tokens", arguments.batch_tokens, "Token budget of one batch [chosen for the machine]")
      ->type_name("N")
      ->group(model);
  app.add_option("--threads", arguments.threads, "Compute threads [physical cores]")->type_name("N")->group(model);
  app.add_option("--device", arguments.device, "cpu [cpu]; cuda is not built in yet")->type_name("D")->group(model);
  app.add_option("--precision", arguments.precision, "auto, fp32, fp16, bf16 or int8; auto is the model's own [auto]")
      ->type_name("P")
      ->group(model);
  app.add_option("--fold", arguments.fold, "Classify equal texts of a window once: on or off [on]")
      ->type_name("ON|OFF")
      ->group(model);
  app.add_option("--adapter", arguments.adapter, "A PEFT LoRA adapter, merged over the model")
      ->type_name("DIR")
      ->group(model);
  app.add_option("--zero-shot", arguments.zero_shot, "Labels of your own, over a model of natural language inference")
      ->type_name("\"A, B\"")
      ->group(model);
  app.add_option("--hypothesis-template", arguments.hypothesis_template,
                 "What a zero-shot label claims of a text; {} is the label [This example is {}.]")
      ->type_name("TEXT")
      ->group(model);
  app.add_flag("--multi-label", arguments.multi_label, "Score each zero-shot label by itself")->group(model);
  app.add_option("--aggregation-strategy", arguments.aggregation_strategy,
                 "Entities of a token classifier: none (tokens), simple, first, average or max [none]")
      ->type_name("HOW")
      ->group(model);
}

Result<ClassifyOptions> interpret(const ClassifyArguments& arguments, bool stdout_is_terminal) {
  VALENCE_TRY_STATUS(refuse_unbuilt(arguments));
  VALENCE_TRY_STATUS(check_combinations(arguments));
  ClassifyOptions options;
  VALENCE_TRY(options.reader, reader_options(arguments));
  VALENCE_TRY(options.format, output_format(arguments, stdout_is_terminal));
  VALENCE_TRY(options.run.top_k, parse_top_k(arguments.top_k));
  VALENCE_TRY(options.run.on_error, choose("--on-error", arguments.on_error, kOnError));
  VALENCE_TRY(options.run.fold, choose("--fold", arguments.fold, kOnOff));
  VALENCE_TRY(options.classifier.on_long, choose("--on-long", arguments.on_long, kOnLong));
  if (!arguments.function.empty()) {
    VALENCE_TRY(options.classifier.function, choose("--function", arguments.function, kFunctions));
  }
  VALENCE_TRY(options.run.threshold, parse_threshold(arguments.threshold, options.classifier.function));
  VALENCE_TRY(options.classifier.threads, parse_threads(arguments.threads));
  VALENCE_TRY(options.classifier.max_length, parse_count("--max-length", arguments.max_length, kMaxTokens));
  VALENCE_TRY(options.classifier.precision, parse_precision(arguments.precision));
  VALENCE_TRY(options.classifier.batch_tokens, parse_count("--batch-tokens", arguments.batch_tokens, kMaxTokens));
  options.classifier.labels = arguments.labels;
  options.classifier.adapter = arguments.adapter;
  options.classifier.use_calibration = !arguments.no_calibration;
  VALENCE_TRY(options.classifier.zero_shot, zero_shot_options(arguments));
  VALENCE_TRY(options.classifier.aggregation,
              choose("--aggregation-strategy", arguments.aggregation_strategy, kAggregations));
  VALENCE_TRY_STATUS(options.classifier.validate());
  VALENCE_TRY(options.store_text, parse_store_text(arguments.store_text));
  // A window is also how long Ctrl-C may go unheard, so it is cut by text as well as by rows.
  const std::size_t threads = options.classifier.threads == 0 ? usable_cores() : options.classifier.threads;
  options.run.window.max_bytes = std::max(kMinWindowBytes, threads * kWindowBytesPerThread);
  return options;
}

std::vector<std::pair<std::string, std::string>> settings_of(const ClassifyArguments& arguments,
                                                             const ClassifyOptions& options) {
  return {{"--model", arguments.model},
          {"--input-format", arguments.input_format},
          {"--text-column", arguments.text_column},
          {"--text-pair-column", arguments.text_pair_column},
          {"--zero-shot", arguments.zero_shot},
          {"--hypothesis-template", arguments.hypothesis_template},
          {"--multi-label", arguments.multi_label ? "on" : ""},
          {"--aggregation-strategy", arguments.aggregation_strategy},
          {"--encoding", arguments.encoding},
          {"--on-error", arguments.on_error},
          {"--format", std::string(data::name_of(options.format))},
          {"--top-k", arguments.top_k},
          {"--function", arguments.function},
          {"--labels", fmt::format("{}", fmt::join(arguments.labels, ","))},
          {"--threshold", arguments.threshold},
          {"--abstain", arguments.abstain ? "on" : ""},
          {"--no-calibration", arguments.no_calibration ? "on" : ""},
          {"--max-length", arguments.max_length},
          {"--on-long", arguments.on_long}};
}

}  // namespace valence::cli

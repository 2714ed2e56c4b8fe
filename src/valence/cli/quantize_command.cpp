/// \file
/// `valence models quantize`: measures int8 against f32 on the user's rows, and writes the model if that is good
/// enough.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "valence/base/file.h"
#include "valence/cli/classify_options.h"
#include "valence/cli/command.h"
#include "valence/cli/convert_directory.h"
#include "valence/cli/convert_source.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/quantize_report.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_directory.h"
#include "valence/data/shown_text.h"
#include "valence/engine/calibration_file.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"
#include "valence/pipeline/labelled_texts.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownRowErrors = 5;

constexpr const char* kExamples = R"(
Examples:
  valence models quantize ./my-model --data dev.csv -o ./my-model-int8
  valence models quantize ./my-model --data dev.csv --max-loss 0.5 -o ./my-model-int8
  valence models quantize ./my-model --data dev.jsonl --label-column stars --dry-run --json)";

/// What goes with the weights: all that reads the model again, and what its licence asks to be kept. The model's card
/// is written anew.
constexpr std::array kCopiedFiles{"config.json",
                                  "tokenizer.json",
                                  "tokenizer_config.json",
                                  "special_tokens_map.json",
                                  "added_tokens.json",
                                  "vocab.txt",
                                  kCalibrationFile,
                                  "README.md",
                                  "LICENSE",
                                  "LICENSE.txt",
                                  "LICENSE.md",
                                  "NOTICE"};

struct QuantizeArguments {
  std::string model;
  std::string data;
  std::string input_format;
  std::string encoding = "utf-8";
  std::string text_column;
  std::string label_column = pipeline::kUsualLabelColumn;
  std::string max_loss = "1";
  std::string threads;
  std::string output;
  bool json = false;
  bool dry_run = false;
};

struct QuantizeOptions {
  ClassifierOptions classifier;
  data::ReaderOptions reader;
  double max_loss_points = 1;
  fs::path source;                                         ///< the model as it was named
  fs::path model_dir;                                      ///< it, or its form as a directory of f32
  std::optional<data::OutputDirectory> made;               ///< where that form lies, until the end
  std::vector<std::pair<std::string, MappedFile>> copied;  ///< what goes with the model as it is
};

/// Opened before anything is computed: what cannot be copied later is known now.
Result<std::vector<std::pair<std::string, MappedFile>>> open_copied_files(const fs::path& model_dir) {
  std::vector<std::pair<std::string, MappedFile>> files;
  for (const char* name : kCopiedFiles) {
    std::error_code ignored;
    if (!fs::is_regular_file(model_dir / name, ignored)) continue;
    VALENCE_TRY(MappedFile file, MappedFile::open(model_dir / name));
    files.emplace_back(name, std::move(file));
  }
  return files;
}

Result<double> parse_max_loss(const std::string& word) {
  double loss = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), loss);
  if (failed == std::errc() && end == word.data() + word.size() && std::isfinite(loss) && loss >= 0 && loss <= 100) {
    return loss;
  }
  return fail(ErrorCode::kInvalidArgument, "--max-loss",
              fmt::format("\"{}\" is no number of points from 0 to 100", word));
}

/// A GGUF or ONNX file is measured, and quantised, as the directory that it converts to.
Status make_directory(const QuantizeArguments& arguments, QuantizeOptions& options) {
  options.model_dir = options.source;
  VALENCE_TRY(const auto gguf, find_gguf(options.source));
  VALENCE_TRY(const auto onnx, gguf ? Result<std::optional<fs::path>>() : find_onnx(options.source));
  if (!gguf && !onnx) return {};
  VALENCE_TRY(const ConvertSource source, open_convert_source(options.source.string(), {}));
  // Beside the result, where there must be room.
  const fs::path place = arguments.output.empty()
                             ? fs::temp_directory_path() / fmt::format("valence-quantize-{}", ::getpid())
                             : fs::path(arguments.output + ".source");
  VALENCE_TRY(auto made, data::OutputDirectory::open(place));
  options.made.emplace(std::move(made));
  VALENCE_TRY_STATUS(options.made->write("model.safetensors", safetensors_weights(source, DType::kF32).pieces()));
  VALENCE_TRY_STATUS(write_model_files(source, DType::kF32, *options.made));
  options.model_dir = options.made->partial();
  return {};
}

/// All that can be known before anything is computed.
Result<QuantizeOptions> interpret(const QuantizeArguments& arguments) {
  ClassifyArguments as_classify;  // what the two commands share means the same in both
  as_classify.input_format = arguments.input_format;
  as_classify.encoding = arguments.encoding;
  as_classify.text_column = arguments.text_column;
  as_classify.threads = arguments.threads;
  VALENCE_TRY(const ClassifyOptions shared, interpret(as_classify, false));
  QuantizeOptions options;
  options.classifier = shared.classifier;
  options.reader = shared.reader;
  VALENCE_TRY(options.max_loss_points, parse_max_loss(arguments.max_loss));
  if (arguments.output.empty() && !arguments.dry_run) {
    return fail(ErrorCode::kInvalidArgument, "--output", "is needed: the directory to write the int8 model to",
                "add -o DIR, or --dry-run to only measure");
  }
  if (!arguments.output.empty()) VALENCE_TRY_STATUS(data::OutputDirectory::check(arguments.output));
  VALENCE_TRY(const auto directory, resolve_model(arguments.model));
  if (!directory) {
    return fail(ErrorCode::kInvalidArgument, "the built-in model", "is int8 already",
                "give the directory of an f32 checkpoint");
  }
  options.source = *directory;
  VALENCE_TRY_STATUS(make_directory(arguments, options));
  if (!arguments.dry_run) {
    VALENCE_TRY(options.copied, open_copied_files(options.model_dir));
  }
  return options;
}

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

/// The directory's own name: folders above it are nobody's business once the model is passed on.
std::string name_of_model(const fs::path& model_dir) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(model_dir, ignored);
  const std::string name = whole.filename().string();
  return data::repaired_utf8(name.empty() ? model_dir.string() : name);
}

std::string now() { return utc_time(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())); }

void tell_failed_rows(const pipeline::LabelledTexts& rows, const QuantizationReport& measured) {
  std::size_t told = 0;
  const auto tell = [&](const Error& error) {
    if (++told <= kShownRowErrors) print_warning(error.to_string());
  };
  for (const Error& error : rows.failed) tell(error);
  for (const FailedRow& row : measured.failed) tell(row.error.in(rows.place(row.row)));
  if (told > kShownRowErrors) {
    print_note(fmt::format("and {} more rows that do not count", with_thousands(told - kShownRowErrors)));
  }
}

Status write_model(const QuantizeArguments& arguments, const QuantizeOptions& options, Quantization& quantization,
                   const QuantizeFindings& findings) {
  VALENCE_TRY(data::OutputDirectory output, data::OutputDirectory::open(arguments.output));
  for (const auto& [name, file] : options.copied) {
    const auto bytes = file.bytes();
    VALENCE_TRY_STATUS(output.write(name, std::span(&bytes, 1)));
  }
  const auto layout = quantization.layout(findings.measured.search.kept, quantize_metadata(findings));
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(layout.header))};
  pieces.insert(pieces.end(), layout.tensors.begin(), layout.tensors.end());
  VALENCE_TRY_STATUS(output.write("model.safetensors", pieces));
  VALENCE_TRY_STATUS(output.write("quantization.json", quantize_json(findings, Excerpts::kLeftOut)));
  VALENCE_TRY_STATUS(output.write("MODEL_CARD.md", quantize_card(findings)));
  // What was written must be a model: a disk that lies is found here rather than by the next user.
  VALENCE_TRY_STATUS(load_model(output.partial()).map([](const Model&) {}));
  return output.commit();
}

Result<QuantizationReport> measure(Quantization& quantization, const pipeline::LabelledTexts& rows,
                                   const QuantizeOptions& options, const GlobalOptions& global,
                                   const std::atomic<bool>& stop) {
  Progress progress(global.quiet                 ? Progress::Style::kQuiet
                    : is_terminal(STDERR_FILENO) ? Progress::Style::kTerminal
                                                 : Progress::Style::kLines);
  const std::vector<std::string_view> texts(rows.texts.begin(), rows.texts.end());
  return quantization.measure(texts, rows.truth,
                              {.max_loss_points = options.max_loss_points,
                               .stop = &stop,
                               .on_progress = [&progress](std::size_t done, std::size_t of) {
                                 progress.update({.rows = done, .bytes_done = done, .bytes_total = of});
                               }});
}

ExitCode quantize(const QuantizeArguments& arguments, const GlobalOptions& global) {
  auto options = interpret(arguments);
  if (!options) return failed(options.error());
  SignalWatcher signals;
  options->reader.stop = &signals.stop();
  auto quantization = Quantization::open(options->model_dir, options->classifier);
  if (!quantization) {
    const Error& error = quantization.error();
    return failed(options->made ? error.in(options->source.string()) : error);
  }
  if (!global.quiet) {
    for (const std::string& warning : quantization->warnings()) print_warning(warning);
  }
  const auto rows = pipeline::read_labelled_texts(arguments.data, options->reader, arguments.label_column,
                                                  quantization->spec().head.labels);
  if (!rows) return signals.signalled() ? signals.exit_code() : failed(rows.error());
  const auto measured = measure(*quantization, *rows, *options, global, signals.stop());
  if (!measured) return signals.signalled() ? signals.exit_code() : failed(measured.error());
  if (!global.quiet) tell_failed_rows(*rows, *measured);

  QuantizeFindings findings{.measured = *measured,
                            .rows = *rows,
                            .spec = quantization->spec(),
                            .source = name_of_model(options->source),
                            .created = now(),
                            .max_loss_points = options->max_loss_points,
                            .source_bytes = quantization->source_bytes(),
                            .stored_bytes = quantization->layout(measured->search.kept, {}).size_bytes()};
  const std::string shown = arguments.json
                                ? quantize_json(findings, Excerpts::kShown)
                                : quantize_table(findings, terminal_width(STDOUT_FILENO), !is_dumb_terminal());
  if (const ExitCode printed = print_to_stdout(shown); printed != ExitCode::kOk) return printed;
  if (!global.quiet) {
    for (const std::string& caution : quantize_cautions(findings)) print_warning(caution);
  }
  if (!measured->passed) {
    print_error(
        {ErrorCode::kInvalidData, options->source.string(),
         fmt::format("int8 loses {:.2f} points of accuracy even with every layer kept, more than --max-loss {:g}: "
                     "nothing is written",
                     100 * measured->chosen.accuracy_loss(), options->max_loss_points),
         "use the model in f32, or allow more with --max-loss"});
    return ExitCode::kSomeRowsFailed;
  }
  if (!arguments.dry_run) {
    if (const Status written = write_model(arguments, *options, *quantization, findings); !written) {
      return failed(written.error());
    }
    if (!global.quiet) print_note(fmt::format("{}: written", arguments.output));
  }
  return measured->failed.empty() && rows->failed.empty() ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_quantize(CLI::App& models) {
  CLI::App* app = models.add_subcommand("quantize", "Make an int8 model, with proof of what it costs on your rows");
  app->footer(kExamples);
  const auto arguments = std::make_shared<QuantizeArguments>();
  app->add_option("model", arguments->model, "A model directory in F32, F16 or BF16, or a GGUF or ONNX file")
      ->type_name("MODEL")
      ->required();
  app->add_option("--data", arguments->data, "Labelled rows to measure on (.csv .tsv .jsonl, also .gz and .zst)")
      ->type_name("FILE")
      ->required();
  app->add_option("--text-column", arguments->text_column,
                  "Column or field of the text [text, sentence, comment, content, review, body or message]")
      ->type_name("C");
  app->add_option("--label-column", arguments->label_column, "Column or field of the label [label]")->type_name("C");
  app->add_option("--input-format", arguments->input_format, "csv, tsv or jsonl [by suffix]")->type_name("F");
  app->add_option("--encoding", arguments->encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E");
  app->add_option("--max-loss", arguments->max_loss, "Points of accuracy that int8 may lose, from 0 to 100 [1]")
      ->type_name("POINTS");
  app->add_option("--threads", arguments->threads, "Compute threads [physical cores]")->type_name("N");
  app->add_option("-o,--output", arguments->output, "Directory to make: absent or empty")->type_name("DST");
  app->add_flag("--json", arguments->json, "Report as JSON on standard output");
  app->add_flag("--dry-run", arguments->dry_run, "Measure and report, write nothing");
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return quantize(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli

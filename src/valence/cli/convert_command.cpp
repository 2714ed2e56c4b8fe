/// \file
/// `valence models convert`: the same model in another format, read back and compared before it gets its name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "valence/cli/command.h"
#include "valence/cli/convert_check.h"
#include "valence/cli/convert_directory.h"
#include "valence/cli/convert_gguf.h"
#include "valence/cli/convert_source.h"
#include "valence/cli/option_values.h"
#include "valence/cli/quantities.h"
#include "valence/cli/step_progress.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_directory.h"
#include "valence/engine/calibration_file.h"
#include "valence/model/gguf_export.h"
#include "valence/model/onnx_export.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(
Examples:
  valence models convert ./my-model --to onnx -o ./my-model-onnx
  valence models convert ./my-model --to onnx --dtype q8_0 -o ./my-model-int8
  valence models convert ./my-model --to gguf --dtype f16 -o my-model.gguf
  valence models convert my-model.gguf --to safetensors -o ./my-model)";

enum class Target { kSafetensors, kOnnx, kGguf };

constexpr std::array kTargets{Choice<Target>{"safetensors", Target::kSafetensors},
                              Choice<Target>{"onnx", Target::kOnnx}, Choice<Target>{"gguf", Target::kGguf}};
constexpr std::array kDtypes{Choice<DType>{"f32", DType::kF32}, Choice<DType>{"f16", DType::kF16},
                             Choice<DType>{"bf16", DType::kBF16}, Choice<DType>{"q8_0", DType::kQ8_0}};

/// The largest difference of a logit from the source's, over the source's largest, that a type of weights is allowed.
/// f32: the bar of every conversion; the others: several times what rounding gave on random and on trained models.
double tolerance(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 1e-4;
    case DType::kF16:
      return 1e-2;
    case DType::kBF16:
      return 1e-1;
    default:
      return 2e-1;
  }
}

struct ConvertArguments {
  std::string source;
  std::string adapter;
  std::string target;
  std::string dtype = "f32";
  std::string output;
  bool dry_run = false;
  bool force = false;

  [[nodiscard]] data::Existing existing() const { return force ? data::Existing::kReplaced : data::Existing::kRefused; }
};

struct ConvertOptions {
  Target target = Target::kSafetensors;
  DType dtype = DType::kF32;
};

using Pieces = std::vector<std::span<const std::byte>>;

/// A format's weights, made and ready to be written.
struct Converted {
  std::string file_name;
  Pieces pieces;
  // What the pieces view.
  std::string image;
  SafetensorsWeights safetensors;
  std::unique_ptr<GgufExport> gguf;

  [[nodiscard]] std::uint64_t size_bytes() const {
    std::uint64_t size = 0;
    for (const auto piece : pieces) size += piece.size();
    return size;
  }
};

/// What is replaced must be a model: --force with a wrong name would cost other files.
Status check_directory(const fs::path& output, const ConvertArguments& arguments) {
  std::error_code ignored;
  const bool is_filled = fs::is_directory(output, ignored) && !fs::is_empty(output, ignored);
  if (is_filled && !arguments.force) {
    return fail(ErrorCode::kInvalidArgument, arguments.output, "is there and not empty",
                "choose another name, or replace it with --force");
  }
  if (is_filled && !fs::is_regular_file(output / "config.json", ignored)) {
    return fail(ErrorCode::kInvalidArgument, arguments.output,
                "is there and has no config.json: --force replaces a model's directory only",
                "choose another name, or remove it first");
  }
  return data::OutputDirectory::check(output, arguments.existing());
}

Result<ConvertOptions> interpret(const ConvertArguments& arguments) {
  ConvertOptions options;
  VALENCE_TRY(options.target, choose("--to", arguments.target, kTargets));
  VALENCE_TRY(options.dtype, choose("--dtype", arguments.dtype, kDtypes));
  if (options.target == Target::kSafetensors && options.dtype == DType::kQ8_0) {
    return fail(ErrorCode::kInvalidArgument, "--dtype", "q8_0 is no type of safetensors",
                "an int8 model with proof of what it costs comes from valence models quantize");
  }
  if (options.target == Target::kOnnx && options.dtype == DType::kBF16) {
    return fail(ErrorCode::kInvalidArgument, "--dtype", "ONNX runtimes for CPUs have no bf16", "take f32, f16 or q8_0");
  }
  const fs::path output(arguments.output);
  std::error_code ignored;
  if (options.target == Target::kGguf) {
    if (output.extension() != ".gguf") {
      return fail(ErrorCode::kInvalidArgument, "--output", fmt::format("{} does not end in .gguf", arguments.output),
                  "a GGUF model is one file, with that ending");
    }
    const auto there = fs::status(output, ignored);
    if (fs::exists(there) && (!arguments.force || !fs::is_regular_file(there))) {
      return fail(ErrorCode::kInvalidArgument, arguments.output,
                  arguments.force ? "is there and is no file" : "is there already",
                  arguments.force ? "choose another name" : "choose another name, or replace it with --force");
    }
  } else {
    VALENCE_TRY_STATUS(check_directory(output, arguments));
  }
  return options;
}

Result<std::unique_ptr<Converted>> convert_weights(const ConvertSource& source, const ConvertOptions& options) {
  auto converted = std::make_unique<Converted>();  // stays where it is: the pieces view it
  switch (options.target) {
    case Target::kSafetensors: {
      converted->safetensors = safetensors_weights(source, options.dtype);
      converted->file_name = "model.safetensors";
      converted->pieces = converted->safetensors.pieces();
      return converted;
    }
    case Target::kOnnx: {
      const OnnxWeightType type = options.dtype == DType::kF32   ? OnnxWeightType::kF32
                                  : options.dtype == DType::kF16 ? OnnxWeightType::kF16
                                                                 : OnnxWeightType::kInt8;
      VALENCE_TRY(converted->image, export_onnx(source.model, type));
      converted->file_name = "model.onnx";
      converted->pieces = {std::as_bytes(std::span(converted->image))};
      return converted;
    }
    case Target::kGguf: {
      VALENCE_TRY(const GgufVocabulary vocabulary, gguf_vocabulary_of(source));
      VALENCE_TRY(converted->gguf, export_gguf(source.model, vocabulary, options.dtype, source.name));
      if (source.calibration) converted->gguf->writer.add_string(kGgufCalibrationKey, *source.calibration);
      converted->file_name = "model.gguf";
      converted->pieces = converted->gguf->writer.pieces();
      return converted;
    }
  }
  return converted;
}

struct Verified {
  double difference = 0;         ///< difference_from_source()
  std::size_t other_tokens = 0;  ///< texts_with_other_tokens()
};

Result<Verified> write_and_verify(const ConvertArguments& arguments, const ConvertOptions& options,
                                  const ConvertSource& source, const Converted& converted, StepProgress& progress) {
  const bool is_file = options.target == Target::kGguf;
  // A single file is made in a directory of its own, so that it is read back under its ending.
  VALENCE_TRY(data::OutputDirectory output, is_file
                                                ? data::OutputDirectory::open(arguments.output + ".parts")
                                                : data::OutputDirectory::open(arguments.output, arguments.existing()));
  VALENCE_TRY_STATUS(output.write(converted.file_name, converted.pieces));
  if (!is_file) {
    const DType stored = options.target == Target::kSafetensors ? options.dtype : DType::kF32;
    VALENCE_TRY_STATUS(write_model_files(source, stored, output));
  }
  progress.step("comparing it with its source");
  Verified verified;
  VALENCE_TRY(verified.difference,
              difference_from_source(arguments.source, arguments.adapter, source, output.partial()));
  if (!(verified.difference <= tolerance(options.dtype))) {
    return fail(
        ErrorCode::kInternal, arguments.output,
        fmt::format("differs from its source by {:.2e} of the largest logit, more than the {:.0e} of {}: removed",
                    verified.difference, tolerance(options.dtype), arguments.dtype),
        "take --dtype f32; if that fails too, please report it");
  }
  if (!is_file) {
    VALENCE_TRY_STATUS(output.commit());
    return verified;
  }
  VALENCE_TRY(verified.other_tokens,
              texts_with_other_tokens(source, output.partial() / converted.file_name, sample_texts()));
  std::error_code failed;
  fs::rename(output.partial() / converted.file_name, arguments.output, failed);
  if (failed) return fail(ErrorCode::kIo, arguments.output, fmt::format("cannot be made: {}", failed.message()));
  return verified;
}

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

ExitCode convert(const ConvertArguments& arguments, const GlobalOptions& global) {
  const auto options = interpret(arguments);
  if (!options) return failed(options.error());
  constexpr std::size_t kSteps = 3;
  StepProgress progress(kSteps, global.quiet);
  progress.step("reading the model");
  const auto source = open_convert_source(arguments.source, arguments.adapter);
  if (!source) return failed(source.error());
  progress.step("converting its weights");
  const auto converted = convert_weights(*source, *options);
  if (!converted) return failed(converted.error());
  const std::string size = megabytes((*converted)->size_bytes());
  if (arguments.dry_run) {
    progress.clear();
    if (!global.quiet) print_note(fmt::format("{}: would have {} of {}", arguments.output, size, arguments.target));
    return ExitCode::kOk;
  }
  const auto verified = write_and_verify(arguments, *options, *source, **converted, progress);
  progress.clear();
  if (!verified) return failed(verified.error());
  if (!global.quiet) {
    print_note(
        fmt::format("{}: written, {}; largest difference from the source on {} texts: {:.2e} of the largest "
                    "logit",
                    arguments.output, size, sample_texts().size(), verified->difference));
    if (verified->other_tokens > 0) {
      print_note(fmt::format(
          "programs that do not read tokenizer.huggingface.json, as llama.cpp, give {} of {} texts other tokens: "
          "GGUF has no key for all that this tokenizer does",
          verified->other_tokens, sample_texts().size()));
    }
  }
  return ExitCode::kOk;
}

}  // namespace

Command add_convert(CLI::App& models) {
  CLI::App* app = models.add_subcommand("convert", "Write a model in another format, and compare it with the source");
  app->footer(kExamples);
  const auto arguments = std::make_shared<ConvertArguments>();
  app->add_option("model", arguments->source, "A model as -m takes it")->type_name("SRC")->required();
  app->add_option("--to", arguments->target, "safetensors, onnx or gguf")->type_name("FORMAT")->required();
  app->add_option("--dtype", arguments->dtype, "f32, f16, bf16 or q8_0 (onnx: dynamic int8) [f32]")->type_name("T");
  app->add_option("-o,--output", arguments->output, "Directory to make; for gguf a file")->type_name("DST")->required();
  app->add_option("--merge-adapter", arguments->adapter, "A PEFT LoRA adapter to merge into it")->type_name("DIR");
  app->add_flag("--force", arguments->force, "Replace a model that is there, once the new one is whole");
  app->add_flag("--dry-run", arguments->dry_run, "Read and convert, write nothing");
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return convert(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli

/// \file
/// `valence models convert`: the same model in another format, read back and compared before it gets its name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "valence/cli/command.h"
#include "valence/cli/convert_check.h"
#include "valence/cli/convert_source.h"
#include "valence/cli/option_values.h"
#include "valence/cli/quantities.h"
#include "valence/cli/step_progress.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_directory.h"
#include "valence/model/arch/registry.h"
#include "valence/model/gguf_export.h"
#include "valence/model/onnx_export.h"
#include "valence/model/weight_export.h"
#include "valence/tensor/safetensors_writer.h"

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
  SafetensorsLayout layout;
  std::vector<std::vector<std::byte>> tensors;
  std::unique_ptr<GgufExport> gguf;

  [[nodiscard]] std::uint64_t size_bytes() const {
    std::uint64_t size = 0;
    for (const auto piece : pieces) size += piece.size();
    return size;
  }
};

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
    if (fs::exists(output, ignored)) {
      return fail(ErrorCode::kInvalidArgument, arguments.output, "is there already",
                  "remove it, or choose another name");
    }
  } else {
    VALENCE_TRY_STATUS(data::OutputDirectory::check(output));
  }
  return options;
}

Converted to_safetensors(const ConvertSource& source, DType dtype) {
  Converted converted;
  converted.file_name = "model.safetensors";
  TensorTable table;
  const auto weights = source.has_reference_names
                           ? weights_by_name(source.model)
                           : weights_by_role(source.model, *find_architecture(source.model.spec.model_type));
  for (const ExportedWeight& weight : weights) {
    converted.tensors.push_back(encode_values(weight.values(), dtype));
    table.emplace(weight.name, TensorView{dtype, weight.shape, converted.tensors.back()});
  }
  converted.layout = lay_out_safetensors(table, {{"format", "pt"}});
  converted.pieces = {std::as_bytes(std::span(converted.layout.header))};
  converted.pieces.insert(converted.pieces.end(), converted.layout.tensors.begin(), converted.layout.tensors.end());
  return converted;
}

Result<std::unique_ptr<Converted>> convert_weights(const ConvertSource& source, const ConvertOptions& options) {
  auto converted = std::make_unique<Converted>();  // stays where it is: the pieces view it
  switch (options.target) {
    case Target::kSafetensors: {
      *converted = to_safetensors(source, options.dtype);
      converted->pieces.front() = std::as_bytes(std::span(converted->layout.header));
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
      VALENCE_TRY(const GgufVocabulary vocabulary, gguf_vocabulary(source));
      VALENCE_TRY(converted->gguf, export_gguf(source.model, vocabulary, options.dtype, source.name));
      converted->file_name = "model.gguf";
      converted->pieces = converted->gguf->writer.pieces();
      return converted;
    }
  }
  return converted;
}

std::string_view dtype_in_config(DType dtype) {
  return dtype == DType::kF16 ? "float16" : dtype == DType::kBF16 ? "bfloat16" : "float32";
}

Result<double> write_and_verify(const ConvertArguments& arguments, const ConvertOptions& options,
                                const ConvertSource& source, const Converted& converted, StepProgress& progress) {
  const bool is_file = options.target == Target::kGguf;
  // A single file is made in a directory of its own, so that it is read back under its ending.
  VALENCE_TRY(data::OutputDirectory output,
              data::OutputDirectory::open(is_file ? arguments.output + ".parts" : arguments.output));
  VALENCE_TRY_STATUS(output.write(converted.file_name, converted.pieces));
  if (!is_file) {
    const DType stored = options.target == Target::kSafetensors ? options.dtype : DType::kF32;
    VALENCE_TRY(const std::string config, config_with_dtype(source.config_json, dtype_in_config(stored)));
    VALENCE_TRY_STATUS(output.write("config.json", config));
    for (const auto& [name, content] : source.files) VALENCE_TRY_STATUS(output.write(name, content));
  }
  progress.step("comparing it with its source");
  VALENCE_TRY(const double difference,
              difference_from_source(arguments.source, arguments.adapter, source, output.partial()));
  if (!(difference <= tolerance(options.dtype))) {
    return fail(
        ErrorCode::kInternal, arguments.output,
        fmt::format("differs from its source by {:.2e} of the largest logit, more than the {:.0e} of {}: removed",
                    difference, tolerance(options.dtype), arguments.dtype),
        "take --dtype f32; if that fails too, please report it");
  }
  if (!is_file) {
    VALENCE_TRY_STATUS(output.commit());
    return difference;
  }
  std::error_code failed;
  fs::rename(output.partial() / converted.file_name, arguments.output, failed);
  if (failed) return fail(ErrorCode::kIo, arguments.output, fmt::format("cannot be made: {}", failed.message()));
  return difference;
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
  const auto difference = write_and_verify(arguments, *options, *source, **converted, progress);
  progress.clear();
  if (!difference) return failed(difference.error());
  if (!global.quiet) {
    print_note(
        fmt::format("{}: written, {}; largest difference from the source on {} texts: {:.2e} of the largest "
                    "logit",
                    arguments.output, size, compared_texts(), *difference));
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
  app->add_option("-o,--output", arguments->output, "Directory to make; for gguf a file that is not there yet")
      ->type_name("DST")
      ->required();
  app->add_option("--merge-adapter", arguments->adapter, "A PEFT LoRA adapter to merge into it")->type_name("DIR");
  app->add_flag("--dry-run", arguments->dry_run, "Read and convert, write nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return convert(*arguments, global); }};
}

}  // namespace valence::cli

#include "valence/cli/train_base.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "valence/cli/convert_directory.h"
#include "valence/cli/convert_source.h"
#include "valence/cli/model_ref.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/model/arch/registry.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"
#include "valence/train/lora.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

/// Whether a parameter is the module's, or of a module inside it.
bool belongs_to(std::string_view parameter, std::string_view module) {
  return !module.empty() && parameter.starts_with(module) && parameter.size() > module.size() &&
         parameter[module.size()] == '.';
}

}  // namespace

Result<TrainBase> open_train_base(const std::string& ref) {
  VALENCE_TRY(const auto path, resolve_model(ref));
  TrainBase base;
  VALENCE_TRY(base.fingerprint, model_fingerprint(ref));
  if (!path) {
    const EmbeddedModel& embedded = default_model();
    base.config_json = embedded.config_json;
    VALENCE_TRY(Checkpoint weights, Checkpoint::from_memory(embedded.weights, "built-in model"));
    base.weights = std::make_unique<Checkpoint>(std::move(weights));
    VALENCE_TRY(base.tokenizer, Tokenizer::from_tokenizer_json(embedded.tokenizer_json, "built-in model"));
    base.files = {{"tokenizer.json", std::string(embedded.tokenizer_json)}};
    return base;
  }
  VALENCE_TRY(const auto gguf, find_gguf(*path));
  VALENCE_TRY(const auto onnx, gguf ? Result<std::optional<fs::path>>() : find_onnx(*path));
  if (gguf || onnx) {
    VALENCE_TRY(ConvertSource source, open_convert_source(ref, {}));
    const SafetensorsWeights made = safetensors_weights(source, DType::kF32);
    for (const auto piece : made.pieces()) {
      base.converted.insert(base.converted.end(), piece.begin(), piece.end());
    }
    base.config_json = std::move(source.config_json);
    VALENCE_TRY(Checkpoint weights, Checkpoint::from_memory(base.converted, path->string()));
    base.weights = std::make_unique<Checkpoint>(std::move(weights));
    base.tokenizer = std::move(source.tokenizer);
    base.files = std::move(source.files);
    return base;
  }
  VALENCE_TRY(base.config_json, read_config(*path));
  VALENCE_TRY(Checkpoint weights, Checkpoint::open(*path));
  base.weights = std::make_unique<Checkpoint>(std::move(weights));
  VALENCE_TRY(base.tokenizer, Tokenizer::load(*path));
  VALENCE_TRY(base.files, companion_files(*path));
  return base;
}

void choose_what_learns(train::BaseModel& base, train::Method method) {
  const TensorNames& names = find_architecture(base.spec.model_type)->names;
  const std::string word = fmt::format("{}.weight", names.word_embeddings);
  const auto is_head = [&](const std::string& name) {
    return belongs_to(name, names.head_dense) || belongs_to(name, names.head_norm) ||
           belongs_to(name, names.classifier);
  };
  const auto is_saved = [&](const std::string& name) {
    return train::is_saved_whole(name) || std::ranges::find(base.fresh, name) != base.fresh.end();
  };
  base.parameters.set_learning([&](train::Parameter& parameter) {
    parameter.decays = parameter.shape.size() >= 2;
    parameter.by_row = parameter.name == word;
    switch (method) {
      case train::Method::kFull:
        return !belongs_to(parameter.name, base.mean_layer);
      case train::Method::kLora:
        return train::is_lora_parameter(parameter.name) || is_saved(parameter.name);
      case train::Method::kHead:
        return is_head(parameter.name);
    }
    return false;
  });
}

Result<std::vector<float>> class_weights(const TrainOptions& options, const train::HeadRequest& head,
                                         std::span<const std::uint64_t> counts) {
  std::vector<float> weights;
  if (!options.balanced_weights && options.class_weights.empty()) return weights;
  if (head.problem_type != ProblemType::kSingleLabel) {
    return fail(ErrorCode::kInvalidArgument, "--class_weights", "is for texts with one label each");
  }
  weights.assign(head.labels.size(), 1.0F);
  if (options.balanced_weights) {
    std::uint64_t rows = 0;
    for (const std::uint64_t count : counts) rows += count;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (counts[i] > 0) {
        weights[i] = static_cast<float>(static_cast<double>(rows) / static_cast<double>(weights.size() * counts[i]));
      }
    }
  }
  for (const auto& [label, weight] : options.class_weights) {
    const auto found = std::ranges::find(head.labels, label);
    if (found == head.labels.end()) {
      return fail(ErrorCode::kInvalidArgument, "--class_weights", fmt::format("no row is labelled \"{}\"", label),
                  fmt::format("the labels are {}", fmt::join(head.labels, ", ")));
    }
    weights[static_cast<std::size_t>(found - head.labels.begin())] = weight;
  }
  return weights;
}

}  // namespace valence::cli

/// \file
/// What `valence train -m BASE` starts from, and what of it learns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/train_options.h"
#include "valence/model/checkpoint.h"
#include "valence/tokenizer.h"
#include "valence/train/base_model.h"
#include "valence/train/model_writer.h"

namespace valence::cli {

struct TrainBase {
  std::string config_json;
  std::vector<std::byte> converted;  ///< safetensors in f32, made of a GGUF or ONNX file; `weights` views it
  std::unique_ptr<Checkpoint> weights;
  std::optional<Tokenizer> tokenizer;
  train::CompanionFiles files;  ///< of the tokenizer and the licence
  std::string fingerprint;      ///< changes when the files do

  [[nodiscard]] const Checkpoint& checkpoint() const { return *weights; }
};

/// A directory in safetensors, a model of the hub's cache, or the built-in one, with or without a head; a GGUF or ONNX
/// file as `models convert` makes a directory of it, in f32.
Result<TrainBase> open_train_base(const std::string& ref);

/// Full: all. LoRA: the updates, the classifier and what was drawn anew. Head: the head. Marks what does not decay, and
/// the table that is looked up by rows.
void choose_what_learns(train::BaseModel& base, train::Method method);

/// One a label, or none where nothing was asked for. "balanced": rows / (labels * rows of the label), as scikit-learn.
/// Errors: a label that the data does not have.
Result<std::vector<float>> class_weights(const TrainOptions& options, const train::HeadRequest& head,
                                         std::span<const std::uint64_t> counts);

}  // namespace valence::cli

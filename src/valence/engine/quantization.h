/// \file
/// A model directory -> its int8 form, with the evidence of what that costs on labelled texts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/engine/comparison.h"
#include "valence/engine/layer_search.h"
#include "valence/model/head_spec.h"
#include "valence/model/quantized_weights.h"
#include "valence/tensor/safetensors_writer.h"
#include "valence/tokenizer.h"

namespace valence {

/// What quantising one part alone does, everything else as in the source: large where activations have outliers, whose
/// row scale leaves the other elements few steps.
struct PartSensitivity {
  std::int64_t layer = 0;  ///< kEmbeddingsAndHead, or an encoder layer
  double logit_error = 0;
  std::uint64_t equal_labels = 0;  ///< of QuantizationReport::sample_rows
};

inline constexpr std::int64_t kEmbeddingsAndHead = -1;

struct FailedRow {
  std::size_t row = 0;  ///< index into the texts given
  Error error;
};

struct QuantizationReport {
  std::vector<std::size_t> rows;  ///< indices of the texts that count: those that the f32 model could read
  std::vector<FailedRow> failed;  ///< the others
  Comparison all_int8;            ///< f32 against every layer in int8; Flip::row is an index into the texts given
  Comparison chosen;              ///< f32 against the model to be written
  LayerSearch search;             ///< no steps when int8 was good enough as it is
  std::vector<PartSensitivity> sensitivity;
  std::size_t sample_rows = 0;  ///< on which the sensitivity was measured
  bool passed = false;          ///< the loss of `chosen` is at most the one allowed
};

struct QuantizationLimits {
  double max_loss_points = 1;                                              ///< of accuracy, in percent of the rows
  const std::atomic<bool>* stop = nullptr;                                 ///< raised: kCancelled
  std::function<void(std::size_t done, std::size_t of)> on_progress = {};  ///< texts classified, all passes together
};

/// Holds a model in f32 and in int8. Not thread-safe; the views it hands out live as long as it does.
class Quantization {
 public:
  /// Errors: as Classifier::load; a model that is int8 already; one whose texts carry several labels or none
  /// (kUnsupported): accuracy is not defined for it.
  static Result<Quantization> open(const std::filesystem::path& model_dir, const ClassifierOptions& options);

  [[nodiscard]] const ModelSpec& spec() const { return model_->spec; }
  /// Things about the source that a user should hear of.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  /// Classifies the texts in f32, in int8 and with every layer tried; `truth` holds a label id each. Errors: no text
  /// that the model can read, the stop flag.
  Result<QuantizationReport> measure(std::span<const std::string_view> texts, std::span<const std::int32_t> truth,
                                     const QuantizationLimits& limits);

  /// model.safetensors with the layers of `kept` out of int8.
  [[nodiscard]] SafetensorsLayout layout(const std::vector<std::int64_t>& kept, const SafetensorsMetadata& metadata);
  /// Bytes of the source's weights.
  [[nodiscard]] std::uint64_t source_bytes() const;

 private:
  class Measurement;

  Quantization(Tokenizer tokenizer, ClassifierOptions options)
      : tokenizer_(std::move(tokenizer)), options_(std::move(options)) {}
  Result<std::shared_ptr<const Classifier>> classifier_of(const StoragePlan& plan);

  Tokenizer tokenizer_;
  ClassifierOptions options_;
  std::filesystem::path model_dir_;
  std::string config_json_;
  std::unique_ptr<const Model> model_;  // on the heap: weights_ points into it
  std::unique_ptr<QuantizedWeights> weights_;
  std::vector<std::string> warnings_;
};

}  // namespace valence

/// \file
/// Labels chosen at run time over a model of natural language inference, as transformers' zero-shot-classification
/// pipeline (5.23) has it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/prediction.h"

namespace valence {

/// Python's str.format with one argument: {} and {0} become `label`, {{ and }} a brace. An error if the label goes
/// nowhere, or for any other field.
Result<std::string> fill_hypothesis(std::string_view hypothesis_template, std::string_view label);

/// Immutable, thread-safe.
class ZeroShot {
 public:
  /// `model_labels` by id. The entailment label is the first that begins with "entail", in any case; contradiction is
  /// label 0, or the last one if 0 is entailment. Errors: no label or one given twice, a template that takes none, a
  /// model without entailment.
  static Result<ZeroShot> make(const ZeroShotOptions& options, std::span<const std::string> model_labels);

  /// The second text of the pair that each label makes with a text.
  [[nodiscard]] const std::vector<std::string>& hypotheses() const { return hypotheses_; }
  /// `logits` is [hypotheses, model labels] of one text.
  [[nodiscard]] Prediction to_prediction(std::span<const float> logits) const;
  /// Whether each label is judged by itself.
  [[nodiscard]] bool label_by_label() const { return label_by_label_; }

 private:
  ZeroShot() = default;

  std::vector<std::string> hypotheses_;
  std::size_t num_model_labels_ = 0;
  std::size_t entailment_ = 0;
  std::size_t contradiction_ = 0;
  bool label_by_label_ = false;
};

}  // namespace valence

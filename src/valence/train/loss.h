/// \file
/// What training makes small: a number for each batch, and its gradient to the logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "valence/model/head_spec.h"

namespace valence::train {

/// The truth of one text: a class (kSingleLabel), or a number for each output (kMultiLabel: 0 or 1; kRegression).
struct Target {
  std::int32_t label = 0;
  /// kSingleLabel: how much of the truth each class is, adding up to 1 (soft_target.h); empty: all of it is `label`.
  std::vector<float> values = {};
  /// kSingleLabel: the classes that the text was labelled among, ascending; empty: all. A set of positive and negative
  /// reviews says nothing of "neutral": its loss is a softmax over the two.
  std::vector<std::int32_t> choices = {};
};

struct LossOptions {
  ProblemType problem_type = ProblemType::kSingleLabel;
  double label_smoothing = 0;                 ///< label_smoothing_factor: kSingleLabel only
  std::span<const float> class_weights = {};  ///< one a label, or none: all 1. kSingleLabel only
};

/// Sum over a batch of what the mean is made of: losses, and what they are divided by.
struct LossSum {
  double loss = 0;    ///< divide by weight for the mean
  double weight = 0;  ///< texts; with class weights, their sum; otherwise texts times outputs
};

/// As transformers' *ForSequenceClassification: cross-entropy, binary cross-entropy with logits, squared error, each a
/// mean; as torch.nn.CrossEntropyLoss with weights and label smoothing. logits: [targets, num_labels]. d_logits gets
/// the gradient of loss / `total_weight`, where that is of all texts that make one step.
LossSum loss(std::span<const float> logits, std::span<const Target* const> targets, std::int64_t num_labels,
             const LossOptions& options, double total_weight, std::span<float> d_logits);

/// The weight that texts with these targets add up to.
[[nodiscard]] double loss_weight(std::span<const Target* const> targets, std::int64_t num_labels,
                                 const LossOptions& options);

}  // namespace valence::train

/// \file
/// What an evaluation reports of logits and truths.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "valence/model/head_spec.h"
#include "valence/train/loss.h"

namespace valence::train {

/// Adds "<prefix>accuracy", "<prefix>f1" (macro), "<prefix>precision", "<prefix>recall"; of several labels a text,
/// "<prefix>accuracy" (all right), "<prefix>f1" (micro), "<prefix>macro_f1"; of numbers, "<prefix>mse", "<prefix>mae",
/// "<prefix>pearson", "<prefix>spearman". logits: [targets, num_labels].
void add_metrics(std::span<const float> logits, std::span<const Target* const> targets, std::int64_t num_labels,
                 ProblemType problem_type, const std::string& prefix, std::map<std::string, double>& metrics);

/// The one that decides which checkpoint is best; better when greater: accuracy, micro F1, or minus the loss.
[[nodiscard]] double score_of(const std::map<std::string, double>& metrics, const std::string& prefix,
                              ProblemType problem_type);

}  // namespace valence::train

/// \file
/// From the labels of rows, as they stand in a file, to what a model tells apart.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/train/base_model.h"
#include "valence/train/loss.h"

namespace valence::train {

/// Joins the labels of a text that has several.
inline constexpr char kLabelSeparator = '|';

/// The labels that occur, each once: numbers by value, words in order of their bytes. Multi-label: the parts between
/// separators; an empty label is a text without any. Regression: one output, "LABEL_0".
///
/// Errors (kInvalidData): fewer than two classes; numbers that look like a quantity rather than classes (fractions, or
/// more than kMostNumberClasses) where `problem_type` was not given; a regression label that is no number.
Result<HeadRequest> label_space(std::span<const std::string> labels, std::optional<ProblemType> problem_type);

inline constexpr std::size_t kMostNumberClasses = 20;

/// What a row's label means to a model with these labels. Errors (kInvalidData): a label that the model has not.
Result<Target> target_of(const std::string& label, const HeadRequest& head);

/// Rows of each label.
[[nodiscard]] std::vector<std::uint64_t> label_counts(std::span<const Target> targets, const HeadRequest& head);

/// Which rows are kept out of training: `share` of each label's, at least one where there are two, drawn by `seed`;
/// of regression and several labels a text, `share` of all. True for a row that is kept out.
[[nodiscard]] std::vector<bool> held_out(std::span<const Target> targets, const HeadRequest& head, double share,
                                         std::uint64_t seed);

}  // namespace valence::train

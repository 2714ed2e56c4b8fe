/// \file
/// Classes made equally frequent, or weighted as if they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace valence::data {

/// Rows by index: all of them in order, then repeats of the labels with fewer than `target` rows. Within a label each
/// row is repeated as often as any other, give or take one; which ones come first is drawn by `seed`. The same on every
/// machine. `labels` holds numbers from 0.
[[nodiscard]] std::vector<std::uint32_t> oversampled(std::span<const std::uint32_t> labels, std::size_t target,
                                                     std::uint64_t seed);

/// Rows by index, in order: of each label at most `target`, drawn by `seed`.
[[nodiscard]] std::vector<std::uint32_t> undersampled(std::span<const std::uint32_t> labels, std::size_t target,
                                                      std::uint64_t seed);

/// rows / (labels * rows of the label): the mean over rows is 1. What scikit-learn calls "balanced" (G. King & L. Zeng,
/// "Logistic regression in rare events data", 2001). `rows` are positive.
[[nodiscard]] std::vector<double> balanced_weights(std::span<const std::uint64_t> rows);

}  // namespace valence::data

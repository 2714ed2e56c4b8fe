/// \file
/// One number that logits are divided by so that scores say how often they are right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace valence::eval {

struct TemperatureFit {
  double temperature = 1;
  double loss_before = 0;  ///< mean negative log likelihood, natural logarithm, at temperature 1
  double loss_after = 0;
  bool at_limit = false;  ///< no minimum inside: every row is right (the lowest), or scores say nothing (the highest)
};

/// Where the search ends: beyond, the rows do not say what the temperature is.
inline constexpr double kLowestTemperature = 0.05;
inline constexpr double kHighestTemperature = 20;

/// -log softmax(logits / temperature)[truth]: a row's loss. Sums in double with the largest logit taken away.
[[nodiscard]] double softmax_loss(std::span<const float> logits, std::int32_t truth, double temperature = 1);
/// -sum over labels of the log likelihood of each bit under sigmoid(logit / temperature).
[[nodiscard]] double sigmoid_loss(std::span<const float> logits, std::span<const std::uint8_t> truth,
                                  double temperature = 1);

/// Minimises the mean loss, which is convex in 1 / temperature, by Newton's method kept inside a bracket. logits:
/// [rows, num_labels], finite; truth: label ids. At least one row. Source: Guo et al., ICML 2017.
[[nodiscard]] TemperatureFit fit_softmax_temperature(std::span<const float> logits, std::span<const std::int32_t> truth,
                                                     std::size_t num_labels);
/// truth: [rows, num_labels] of 0 and 1; losses are per bit.
[[nodiscard]] TemperatureFit fit_sigmoid_temperature(std::span<const float> logits,
                                                     std::span<const std::uint8_t> truth);

}  // namespace valence::eval

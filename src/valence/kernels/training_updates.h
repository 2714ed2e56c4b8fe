/// \file
/// What the optimizer does to parameters. Included only by the files of one ISA each.
#pragma once

#include "valence/kernels/training_table.h"

namespace valence::kernels {
namespace {

// Plain loops, which the compiler turns into the vectors of the file's ISA: what does not change is copied first, or a
// store to the arrays might change it. Every operation rounds once and alone (contraction is off), so that all ISAs
// give the same bits.
template <class V>
void adamw(const AdamWCall& call) noexcept {
  float* __restrict value = call.value;
  float* __restrict first = call.first_moment;
  float* __restrict second = call.second_moment;
  float* __restrict gradient = call.gradient;
  const float keep1 = 1.0F - call.beta1;
  const float keep2 = 1.0F - call.beta2;
  const std::int64_t size = call.size;
  const float gradient_scale = call.gradient_scale;
  const float decay = call.decay;
  const float beta2 = call.beta2;
  const float step_size = call.step_size;
  const float second_moment_scale = call.second_moment_scale;
  const float epsilon = call.epsilon;
  if (gradient == nullptr) {
    for (std::int64_t i = 0; i < size; ++i) {
      const float m = first[i] - first[i] * keep1;
      const float v = second[i] * beta2;
      first[i] = m;
      second[i] = v;
      const float denominator = __builtin_sqrtf(v) * second_moment_scale + epsilon;
      value[i] = value[i] * decay - step_size * (m / denominator);
    }
    return;
  }
  for (std::int64_t i = 0; i < size; ++i) {
    const float g = gradient[i] * gradient_scale;
    const float m = first[i] + (g - first[i]) * keep1;
    const float v = second[i] * beta2 + g * g * keep2;
    first[i] = m;
    second[i] = v;
    const float denominator = __builtin_sqrtf(v) * second_moment_scale + epsilon;
    value[i] = value[i] * decay - step_size * (m / denominator);
    gradient[i] = 0.0F;
  }
}

template <class V>
double sum_of_squares(const float* x, std::int64_t size) noexcept {
  constexpr int kLanes = 16;
  double sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(x[i + lane]);
      sums[lane] += value * value;
    }
  }
  for (int lane = 0; i < size; ++i, ++lane) sums[lane] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (const double lane : sums) sum += lane;
  return sum;
}

}  // namespace
}  // namespace valence::kernels

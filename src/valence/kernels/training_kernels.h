/// \file
/// The training table of one Simd type. Included only by the training_<isa>.cpp files.
#pragma once

#include "valence/kernels/training_products.h"
#include "valence/kernels/training_rows.h"
#include "valence/kernels/training_tables.h"
#include "valence/kernels/training_updates.h"

namespace valence::kernels {
namespace {

template <class V>
constexpr TrainingKernels training_kernels() {
  return {.transpose = transpose<V>,
          .multiply = multiply<V>,
          .softmax = softmax<V>,
          .softmax_backward = softmax_backward<V>,
          .activation_backward = activation_backward<V>,
          .gate_backward = gate_backward<V>,
          .norm_backward = norm_backward<V>,
          .column_sums = column_sums<V>,
          .dropout = dropout<V>,
          .adamw = adamw<V>,
          .sum_of_squares = sum_of_squares<V>};
}

}  // namespace
}  // namespace valence::kernels

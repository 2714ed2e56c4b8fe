/// \file
/// What training does with each row of a batch on its own: norms, dropout, activations, sums.
#pragma once

#include <cstdint>

#include "valence/base/spin_team.h"
#include "valence/model/encoder_spec.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/train/dropout.h"
#include "valence/train/products.h"

namespace valence::train {

struct Norm {
  kernels::LayerNormWeights weights;  ///< views into the parameters
  float* d_weight = nullptr;          ///< null: frozen
  float* d_bias = nullptr;
};

/// Dropout of the rows of one place.
struct RowDropout {
  bool drops = false;
  std::uint64_t key = 0;
  std::uint32_t threshold = 0;
  float scale = 1.0F;
};

/// All rows at once, in parallel; or rows [first, first + rows), a block of kRowBlock, for what a product does with
/// rows right before it reads them. Blocks may be done by several threads at a time. Results do not depend on their
/// number.
class RowPass {
 public:
  RowPass(const kernels::KernelTable& kernels, SpinTeam& team) : kernels_(kernels), team_(team) {}

  /// Norm of whole rows, in parallel, and its backward pass: dx may be dy.
  void norm(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<float> out);
  void norm_backward(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<const float> dy,
                     RowsView<float> dx);
  /// out = dropout(x) with the numbers of `place`; where nothing is dropped, out = x.
  void drop(DropoutRate rate, const DropoutStream* random, std::uint64_t place, RowsView<const float> x,
            std::int64_t width, RowsView<float> out);
  void add(RowsView<float> x, RowsView<const float> y, std::int64_t width);
  void activate(Activation activation, RowsView<const float> x, RowsView<float> out);
  void activate_backward(Activation activation, RowsView<const float> x, RowsView<float> dy);

  // Of a block of rows each.
  void norm_rows(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<float> out, std::int64_t first,
                 std::int64_t rows) const;
  /// norm_backward in blocks: begin, each block once, end, which adds to the gradients of the norm's weights.
  void begin_norm_backward(std::int64_t rows, std::int64_t width);
  void norm_backward_rows(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<const float> dy,
                          RowsView<float> dx, std::int64_t first, std::int64_t rows);
  void end_norm_backward(std::int64_t rows, std::int64_t width, const Norm& norm);
  [[nodiscard]] RowDropout dropout_at(DropoutRate rate, const DropoutStream* random, std::uint64_t place) const;
  void drop_rows(const RowDropout& dropout, RowsView<const float> x, std::int64_t width, RowsView<float> out,
                 std::int64_t first, std::int64_t rows) const;
  void add_rows(RowsView<float> x, RowsView<const float> y, std::int64_t width, std::int64_t first,
                std::int64_t rows) const;
  void activate_rows(Activation activation, RowsView<const float> x, RowsView<float> out, std::int64_t first,
                     std::int64_t rows) const;
  /// dy becomes the gradient of x; `activated` becomes activation(x), where it has data.
  void activate_backward_rows(Activation activation, RowsView<const float> x, RowsView<float> dy,
                              RowsView<float> activated, std::int64_t first, std::int64_t rows) const;

 private:
  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  AlignedBuffer<float> norm_parts_;  // [blocks][2][width]: what a block adds to the gradients of weight and bias
};

}  // namespace valence::train

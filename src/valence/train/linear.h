/// \file
/// A linear layer in training: its own parameters, and a LoRA update beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/tensor/aligned_buffer.h"
#include "valence/train/dropout.h"
#include "valence/train/products.h"

namespace valence::train {

/// y += scale * dropout(x) A^T B^T (Hu et al. 2021). `down` is A [rank, in_features], `up` is B [out_features, rank].
struct LoraUpdate {
  LinearParameters down;
  LinearParameters up;
  float scale = 1.0F;
  DropoutRate dropout;
};

struct Linear {
  LinearParameters own;
  std::optional<LoraUpdate> lora = std::nullopt;
  std::uint64_t place = 0;  ///< tells this layer's dropout from others'
};

/// What the backward pass of a Linear needs beside its input; kept by whoever keeps the input, one for each use of it.
struct LinearTape {
  AlignedBuffer<float> down;  ///< scale * dropout(x) A^T: [rows, rank]
  // From input_gradient to weight_gradient:
  AlignedBuffer<float> d_down;  ///< the gradient of `down`
  Products::BiasSums bias_sums;
};

/// Forward and backward of Linears over all rows of a batch.
class LinearPass {
 public:
  LinearPass(const kernels::KernelTable& kernels, const kernels::Bf16Products* bf16, SpinTeam& team)
      : kernels_(kernels), team_(team), products_(kernels, bf16, team) {}

  struct Call {
    const Linear* layer = nullptr;
    LinearTape* tape = nullptr;
    RowsView<float> out;  ///< written by forward
  };
  /// out = the layer of x, for each, all from the same x. `random` null: no dropout. `before_rows` writes the rows of x
  /// right before they are read (Products::forward).
  void forward(RowsView<const float> x, std::span<const Call> calls, const DropoutStream* random,
               const LineTask& before_rows = {});

  struct Gradient {
    const Linear* layer = nullptr;
    LinearTape* tape = nullptr;
    RowsView<const float> dy;
  };
  /// dx = (or +=) the gradient of x, from which all layers read. `before_rows` writes the rows of dy.
  void input_gradient(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                      const DropoutStream* random, const LineTask& before_rows = {});
  /// Adds the gradients of the layers' parameters; after input_gradient of the same, dy unchanged.
  void weight_gradient(RowsView<const float> x, std::span<const Gradient> gradients, const DropoutStream* random);
  /// The one and the other.
  void backward(RowsView<const float> x, std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                const DropoutStream* random);

 private:
  void take(std::span<const Gradient> gradients);
  RowsView<const float> dropped(RowsView<const float> x, std::int64_t width, const Linear& layer,
                                const DropoutStream* random);
  void drop(RowsView<const float> x, std::int64_t width, const Linear& layer, const DropoutStream& random,
            float* out) const;

  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  Products products_;
  AlignedBuffer<float> dropped_, d_dropped_;
  std::vector<Products::Output> outputs_;
  std::vector<Products::Gradient> gradients_;
};

}  // namespace valence::train

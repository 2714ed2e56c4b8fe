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

/// What the backward pass of a Linear needs beside its input; kept by whoever keeps the input.
struct LinearTape {
  AlignedBuffer<float> down;  ///< scale * dropout(x) A^T: [rows, rank]
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
  /// out = the layer of x, for each, all from the same x. `random` null: no dropout.
  void forward(RowsView<const float> x, std::span<const Call> calls, const DropoutStream* random);

  struct Gradient {
    const Linear* layer = nullptr;
    const LinearTape* tape = nullptr;
    RowsView<const float> dy;
  };
  /// Adds the gradients of the layers' parameters; where `dx` has data, dx = (or +=) the gradient of x.
  void backward(RowsView<const float> x, std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                const DropoutStream* random);

 private:
  RowsView<const float> dropped(RowsView<const float> x, std::int64_t width, const Linear& layer,
                                const DropoutStream* random);
  void drop(RowsView<const float> x, std::int64_t width, const Linear& layer, const DropoutStream& random,
            float* out) const;

  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  Products products_;
  AlignedBuffer<float> dropped_, d_down_, d_dropped_;
  std::vector<Products::Output> outputs_;
  std::vector<Products::Gradient> gradients_;
};

/// body(first, count) over shares of `rows` rows, in parallel. Which rows share a call does not depend on the team.
template <class Body>
void for_row_blocks(SpinTeam& team, std::int64_t rows, Body&& body) {
  constexpr std::int64_t kRows = 16;
  team.parallel_for(static_cast<std::size_t>((rows + kRows - 1) / kRows), [&](std::size_t block, std::size_t) {
    const std::int64_t first = static_cast<std::int64_t>(block) * kRows;
    body(first, first + kRows < rows ? kRows : rows - first);
  });
}

}  // namespace valence::train

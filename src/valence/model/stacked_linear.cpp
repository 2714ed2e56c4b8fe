#include "valence/model/stacked_linear.h"

#include <algorithm>

namespace valence {
namespace {

constexpr std::int64_t kAtATime = 64;

/// Rows of a matrix that is stored transposed, read some at a time: a row is spread over the whole tensor.
kernels::WeightRows transposed_rows(const MatrixView& matrix) {
  struct Block {
    std::vector<float> values;
    std::int64_t first = -1;
  };
  return [matrix, block = Block()](std::int64_t row, std::span<float> out) mutable {
    const std::int64_t first = row / kAtATime * kAtATime;
    if (block.first != first) {
      const std::int64_t count = std::min(kAtATime, matrix.rows() - first);
      block.values.resize(static_cast<std::size_t>(count * matrix.columns()));
      copy_transposed_rows_as_f32(matrix, first, count, block.values);
      block.first = first;
    }
    const auto begin = block.values.begin() + (row - first) * matrix.columns();
    std::copy(begin, begin + matrix.columns(), out.begin());
  };
}

std::vector<float> f32_values(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

}  // namespace

StackedLinear::StackedLinear(std::span<const LinearWeights* const> parts)
    : in_features_(parts.front()->weight.columns()) {
  part_scales_.reserve(parts.size());  // weight_rows() keeps views of its elements
  for (const LinearWeights* part : parts) {
    const auto& scales =
        part_scales_.emplace_back(part->weight.row_scale ? f32_values(*part->weight.row_scale) : std::vector<float>());
    all_i8_ = all_i8_ && !scales.empty();
    scales_.insert(scales_.end(), scales.begin(), scales.end());
    for (std::int64_t row = 0; row < part->weight.rows(); ++row) owner_.emplace_back(parts_.size(), row);
    parts_.push_back(part->weight.transposed ? transposed_rows(part->weight)
                                             : kernels::weight_rows(part->weight.values, scales));
    if (!part->bias) {
      bias_.resize(owner_.size(), 0.0F);
      continue;
    }
    const auto bias = f32_values(*part->bias);
    bias_.insert(bias_.end(), bias.begin(), bias.end());
  }
}

kernels::LinearShape StackedLinear::shape() const {
  return {.in_features = in_features_, .out_features = static_cast<std::int64_t>(owner_.size())};
}

kernels::WeightRows StackedLinear::rows() const {
  return [this](std::int64_t out_feature, std::span<float> out) {
    const auto& [part, row] = owner_[static_cast<std::size_t>(out_feature)];
    parts_[part](row, out);
  };
}

}  // namespace valence

#include "valence/kernels/packed_linear.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "valence/base/check.h"

namespace valence::kernels {
namespace {

// Steps of a panel written at a time: a block of it and a line of each row stay in the level-1 cache.
constexpr std::int64_t kPackBlock = 16;

/// rows: [columns, in_features]  ->  panel: [in_features, panel_columns], columns past the last being zero.
void pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::int64_t panel_columns,
                float* panel) {
  for (std::int64_t first = 0; first < in_features; first += kPackBlock) {
    const std::int64_t last = std::min(first + kPackBlock, in_features);
    for (std::int64_t c = 0; c < panel_columns; ++c) {
      for (std::int64_t k = first; k < last; ++k) {
        panel[k * panel_columns + c] = c < columns ? rows[c * in_features + k] : 0.0F;
      }
    }
  }
}

}  // namespace

WeightRows weight_rows(TensorView weight, std::span<const float> row_scales) {
  VALENCE_ASSERT(weight.shape.size() == 2, "a linear layer's weight is a matrix");
  VALENCE_ASSERT(row_scales.empty() || static_cast<std::int64_t>(row_scales.size()) == weight.shape[0],
                 "one scale a row");
  const auto row_bytes = size_bytes(weight.dtype, static_cast<std::size_t>(weight.shape[1]));
  return [weight = std::move(weight), row_scales, row_bytes](std::int64_t out_feature, std::span<float> row) {
    const auto index = static_cast<std::size_t>(out_feature);
    copy_as_f32({weight.dtype, {weight.shape[1]}, weight.bytes.subspan(index * row_bytes, row_bytes)}, row);
    if (row_scales.empty()) return;
    for (float& w : row) w *= row_scales[index];
  };
}

PackedLinear PackedLinear::pack(const KernelTable& kernels, LinearShape shape, const WeightRows& weights,
                                std::span<const float> bias) {
  VALENCE_ASSERT(shape.in_features > 0 && shape.out_features > 0, "the shape comes from a checked configuration");
  VALENCE_ASSERT(bias.empty() || static_cast<std::int64_t>(bias.size()) == shape.out_features, "one bias an output");
  const std::int64_t panel_columns = kernels.f32->panel_columns;
  const std::int64_t panels = (shape.out_features + panel_columns - 1) / panel_columns;
  PackedLinear packed;
  packed.kernels_ = &kernels;
  packed.shape_ = shape;
  packed.panels_ = AlignedBuffer<float>(static_cast<std::size_t>(panels * panel_columns * shape.in_features));
  packed.bias_ = AlignedBuffer<float>(static_cast<std::size_t>(panels * panel_columns));
  std::fill_n(std::copy(bias.begin(), bias.end(), packed.bias_.data()), packed.bias_.size() - bias.size(), 0.0F);

  std::vector<float> rows(static_cast<std::size_t>(panel_columns * shape.in_features));
  for (std::int64_t first = 0; first < shape.out_features; first += panel_columns) {
    const std::int64_t columns = std::min(panel_columns, shape.out_features - first);
    for (std::int64_t c = 0; c < columns; ++c) {
      weights(first + c, std::span(rows).subspan(static_cast<std::size_t>(c * shape.in_features),
                                                 static_cast<std::size_t>(shape.in_features)));
    }
    pack_panel(rows.data(), columns, shape.in_features, panel_columns,
               packed.panels_.data() + first * shape.in_features);
  }
  return packed;
}

F32PanelsView PackedLinear::f32_panels() const {
  VALENCE_ASSERT(format_ == WeightFormat::kF32, "asked for in the format it was packed in");
  return {panels_.data(), bias_.data(), shape_.in_features, shape_.out_features};
}

}  // namespace valence::kernels

/// \file
/// The weights of a linear layer, packed once at load into the order in which the product reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "valence/kernels/kernel_table.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/tensor/tensor_view.h"

namespace valence::kernels {

/// Writes the weights of output `out_feature` into `row` [in_features]. Called once for each output, in order.
using WeightRows = std::function<void(std::int64_t out_feature, std::span<float> row)>;

/// The rows of a tensor [out_features, in_features] of a floating type or I8, as Hugging Face stores a Linear's
/// weight. With `row_scales` [out_features], row r is multiplied by row_scales[r] (int8 weights). Keeps views only.
[[nodiscard]] WeightRows weight_rows(TensorView weight, std::span<const float> row_scales = {});

struct LinearShape {
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
};

/// y = x W^T + bias, ready for the kernels it was packed for. Immutable, movable; may be read from many threads.
class PackedLinear {
 public:
  PackedLinear() = default;

  /// Packs for `kernels` (which must outlive the object). `bias` has out_features elements, or none for no bias.
  /// Needs, beside the result, room for the rows of one panel: no second copy of the weights exists at any time.
  static PackedLinear pack(const KernelTable& kernels, LinearShape shape, const WeightRows& weights,
                           std::span<const float> bias);

  [[nodiscard]] const KernelTable& kernels() const { return *kernels_; }
  [[nodiscard]] WeightFormat format() const { return format_; }
  [[nodiscard]] std::int64_t in_features() const { return shape_.in_features; }
  [[nodiscard]] std::int64_t out_features() const { return shape_.out_features; }
  [[nodiscard]] std::size_t size_bytes() const { return (panels_.size() + bias_.size()) * sizeof(float); }
  [[nodiscard]] F32PanelsView f32_panels() const;

 private:
  const KernelTable* kernels_ = nullptr;
  WeightFormat format_ = WeightFormat::kF32;
  LinearShape shape_;
  AlignedBuffer<float> panels_;
  AlignedBuffer<float> bias_;
};

}  // namespace valence::kernels

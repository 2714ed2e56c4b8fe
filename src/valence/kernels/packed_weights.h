/// \file
/// The weights of a linear layer for an EncoderKernels table, packed once at load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/packed_linear.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {

/// The weights to pack. For an int8 table, weights that are stored with a scale a row come as those integers (exactly);
/// others are rounded with the scale max|row| / 127.
struct WeightSource {
  LinearShape shape;
  WeightRows rows;                ///< the values
  std::span<const float> scales;  ///< [out_features], or empty: the values are not multiples of a stored scale
  std::span<const float> bias;    ///< [out_features], or empty
};

/// y = x W^T + bias for `kernels().product`. Immutable, movable; may be read from many threads.
class PackedWeights {
 public:
  PackedWeights() = default;

  /// `kernels` must outlive the object.
  static PackedWeights pack(const EncoderKernels& kernels, const WeightSource& source);

  [[nodiscard]] std::int64_t in_features() const { return shape_.in_features; }
  [[nodiscard]] std::int64_t out_features() const { return shape_.out_features; }
  [[nodiscard]] std::int64_t panels() const;
  [[nodiscard]] std::size_t size_bytes() const {
    return panels_.size() + (scales_.size() + bias_.size()) * sizeof(float);
  }
  [[nodiscard]] PackedWeightsView view() const {
    return {panels_.data(), scales_.data(), bias_.data(), shape_.in_features, shape_.out_features};
  }

 private:
  const EncoderKernels* kernels_ = nullptr;
  LinearShape shape_;
  AlignedBuffer<std::byte> panels_;
  AlignedBuffer<float> scales_;
  AlignedBuffer<float> bias_;
};

}  // namespace valence::kernels

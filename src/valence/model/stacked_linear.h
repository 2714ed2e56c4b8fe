/// \file
/// Several linear layers over the same input as one: their outputs side by side.
#pragma once

#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "valence/kernels/packed_linear.h"
#include "valence/model/weights.h"

namespace valence {

/// Reads the checkpoint row by row, as packing asks for it. Not movable: rows() refers to it.
class StackedLinear {
 public:
  /// At least one layer; the checkpoint behind them must outlive the object.
  explicit StackedLinear(std::span<const LinearWeights* const> parts);
  StackedLinear(std::initializer_list<const LinearWeights*> parts)
      : StackedLinear(std::span(parts.begin(), parts.size())) {}
  StackedLinear(const StackedLinear&) = delete;
  StackedLinear& operator=(const StackedLinear&) = delete;

  [[nodiscard]] kernels::LinearShape shape() const;
  [[nodiscard]] kernels::WeightRows rows() const;
  [[nodiscard]] std::span<const float> bias() const { return bias_; }
  /// The scale of each output if all layers are stored as I8, else empty.
  [[nodiscard]] std::span<const float> scales() const {
    return all_i8_ ? std::span(scales_) : std::span<const float>();
  }

 private:
  std::int64_t in_features_ = 0;
  std::vector<kernels::WeightRows> parts_;
  std::vector<std::pair<std::size_t, std::int64_t>> owner_;  // output feature -> part, row within it
  std::vector<float> bias_;
  std::vector<std::vector<float>> part_scales_;
  std::vector<float> scales_;
  bool all_i8_ = true;
};

}  // namespace valence

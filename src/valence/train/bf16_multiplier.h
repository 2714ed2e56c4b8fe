/// \file
/// Matrix products over f32 operands that are rounded to bf16 on the way, divided among a team.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "valence/base/spin_team.h"
#include "valence/kernels/bf16_products.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::train {

/// Part of an operand along the depth: its lines (rows of the left side, columns of the right one) as they lie.
struct Segment {
  const float* from = nullptr;
  std::int64_t stride = 0;
  std::int64_t depth = 0;
  kernels::DepthOrder order = kernels::DepthOrder::kAlongLines;
};

/// What is done with lines [first, first + count) of a left side right before they are packed: the caller's last word
/// on them, while they are in a cache anyway. Called once for each line, by any member.
using LineTask = std::function<void(std::int64_t first, std::int64_t count)>;

/// Packs each operand once a product and keeps nothing between two: weights change with every step, so what could be
/// kept would have to be written and read again. Where the left side is small, a panel of the right one goes from its
/// packing to its product in the cache of one core. Bits depend neither on the number of threads nor on who computes
/// what.
class Bf16Multiplier {
 public:
  Bf16Multiplier(const kernels::Bf16Products& kernels, SpinTeam& team)
      : kernels_(kernels), team_(team), panels_(team.size()) {}

  /// out (+)= left right + bias: the sum over the segments, of which both sides have as many, of the same depths.
  struct Product {
    std::span<const Segment> right;
    std::int64_t columns = 0;
    kernels::RowsView<float> out;
    const float* bias = nullptr;  ///< [columns]; null: none
    bool accumulate = false;
  };
  /// One left side of `rows` lines for all products.
  void multiply(std::span<const Segment> left, std::int64_t rows, std::span<const Product> products,
                const LineTask& before_lines = {});

 private:
  struct Plan;
  void pack_strip(const Plan& plan, std::int64_t strip);
  static kernels::ReadAhead reads_of(const Product& product, std::int64_t panel);
  void pack_panel(const Product& product, std::int64_t panel, std::byte* to) const;

  const kernels::Bf16Products& kernels_;
  SpinTeam& team_;
  AlignedBuffer<std::byte> strips_, shared_panels_;
  std::vector<AlignedBuffer<std::byte>> panels_;  // one a member
};

}  // namespace valence::train

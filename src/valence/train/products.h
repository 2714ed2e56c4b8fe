/// \file
/// The three products of a linear layer that learns: outputs, gradient of the inputs, gradient of the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/base/spin_team.h"
#include "valence/kernels/training_table.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/train/bf16_multiplier.h"

namespace valence::train {

using kernels::RowsView;

/// Rows that are worked on at a time where each is on its own.
inline constexpr std::int64_t kRowBlock = kernels::kBf16StripRows;

[[nodiscard]] constexpr std::int64_t row_blocks(std::int64_t rows) { return (rows + kRowBlock - 1) / kRowBlock; }

/// body(first, count) over blocks of kRowBlock rows, in parallel. Which rows share a call does not depend on the team.
template <class Body>
void for_row_blocks(SpinTeam& team, std::int64_t rows, Body&& body) {
  team.parallel_for(static_cast<std::size_t>(row_blocks(rows)), [&](std::size_t block, std::size_t) {
    const std::int64_t first = static_cast<std::int64_t>(block) * kRowBlock;
    body(first, first + kRowBlock < rows ? kRowBlock : rows - first);
  });
}

/// y = x W^T + bias, and where the gradients go. Pointers into a ParameterSet.
struct LinearParameters {
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
  /// W[out][in] at weight[out * stride + in]; turned (GPT-2): at weight[in * stride + out].
  const float* weight = nullptr;
  std::int64_t stride = 0;
  bool turned = false;
  const float* bias = nullptr;  ///< null: none
  float* d_weight = nullptr;    ///< laid out as weight; null: frozen
  float* d_bias = nullptr;      ///< null: frozen or none
};

/// Products over all rows of a batch, divided among a team. Weights are read as they lie and packed on the way, a panel
/// at a time: they change with every step. The bits of a result depend neither on the number of threads nor on who
/// computes what.
class Products {
 public:
  /// `bf16`: operands are rounded to it, sums stay f32; null: all in f32.
  Products(const kernels::KernelTable& kernels, const kernels::Bf16Products* bf16, SpinTeam& team);

  struct Output {
    const LinearParameters* layer = nullptr;
    RowsView<float> out;  ///< [rows of x, out_features]
    bool accumulate = false;
  };
  /// out = x W^T + bias, or += it, for each, all from the same x. `before_rows` writes the rows of x, kRowBlock of them
  /// at a time, right before they are read.
  void forward(RowsView<const float> x, std::span<const Output> outputs, const LineTask& before_rows = {});
  void forward(RowsView<const float> x, const LinearParameters& layer, RowsView<float> out);

  /// Sums of dy's columns over blocks of rows, which input_gradient makes in bf16, where it has the rows at hand.
  struct BiasSums {
    std::int64_t blocks = 0;     ///< 0: none were made
    AlignedBuffer<float> parts;  ///< [blocks, out_features]
  };
  struct Gradient {
    const LinearParameters* layer = nullptr;
    RowsView<const float> dy;       ///< [rows, out_features]; the same from input_gradient to weight_gradient
    BiasSums* bias_sums = nullptr;  ///< from the one to the other, which uses them up; null: not handed on
  };
  /// dx = sum over the layers of dy W; all have the same in_features. With `accumulate`, dx += it. `before_rows` writes
  /// the rows of dy.
  void input_gradient(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                      const LineTask& before_rows = {});
  /// d_weight += dy^T x, d_bias += the sums of dy's columns, where they are not frozen.
  void weight_gradient(std::span<const Gradient> gradients, RowsView<const float> x);

 private:
  struct Panel;
  LineTask with_bias_sums(std::span<const Gradient> gradients, const LineTask& before_rows);
  void multiply(const Panel& panel, RowsView<const float> x, RowsView<float> out, bool accumulate) const;
  [[nodiscard]] Panel panel_of(std::size_t member, std::int64_t depth);
  void add_weight_gradient(const LinearParameters& layer, RowsView<const float> dy, RowsView<const float> x);
  void forward_in_bf16(RowsView<const float> x, std::span<const Output> outputs, const LineTask& before_rows);
  void input_gradient_in_bf16(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                              const LineTask& before_rows);
  void add_weight_gradient_in_bf16(const LinearParameters& layer, RowsView<const float> dy, RowsView<const float> x);

  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  std::int64_t columns_;                      // of a panel
  std::vector<AlignedBuffer<float>> panels_;  // one a member
  AlignedBuffer<float> turned_;               // the left operand of a weight gradient, [features][rows]
  std::optional<Bf16Multiplier> bf16_;
  std::vector<Segment> left_, right_;  // of bf16_'s products
  std::vector<Bf16Multiplier::Product> bf16_products_;
};

}  // namespace valence::train

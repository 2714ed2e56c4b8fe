#include "valence/train/products.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "valence/base/check.h"

namespace valence::train {
namespace {

using kernels::DepthOrder;

// Rows of a weight gradient's sum taken at a time: the turned operand then stays a few megabytes.
constexpr std::int64_t kGradientRows = 2048;
constexpr std::int64_t kTurnedColumns = 64;
// In bf16: few enough for one operand to stay in the level-2 cache a block of features at a time, and enough for the
// gradient's way from memory and back to take less than its product.
constexpr std::int64_t kBf16GradientRows = 1024;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

std::int64_t rounded_up(std::int64_t size) {
  return blocks_of(size, kernels::kMaxVectorWidth) * kernels::kMaxVectorWidth;
}

/// Rows of from as [depth][width], the columns from `columns` on 0.
void copy_panel(const float* from, std::int64_t stride, std::int64_t depth, std::int64_t columns, std::int64_t width,
                float* to) {
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(float);
  for (std::int64_t k = 0; k < depth; ++k, from += stride, to += width) {
    std::memcpy(to, from, bytes);
    std::fill(to + columns, to + width, 0.0F);
  }
}

}  // namespace

/// Scratch of one member: [depth][columns] of weights, and as many biases as columns before it.
struct Products::Panel {
  float* bias = nullptr;
  float* weights = nullptr;
  std::int64_t depth = 0;
  std::int64_t columns = 0;  ///< that count, at most a panel's width
};

Products::Products(const kernels::KernelTable& kernels, const kernels::Bf16Products* bf16, SpinTeam& team)
    : kernels_(kernels), team_(team), columns_(kernels.f32->panel_columns), panels_(team.size()) {
  if (bf16 != nullptr) bf16_.emplace(*bf16, team);
}

Products::Panel Products::panel_of(std::size_t member, std::int64_t depth) {
  auto& buffer = panels_[member];
  const std::int64_t bias = blocks_of(columns_, kernels::kMaxVectorWidth) * kernels::kMaxVectorWidth;
  // The kernel asks for what lies behind the panel, and one panel more is room for that.
  buffer.ensure(static_cast<std::size_t>(bias + (depth + columns_) * columns_));
  return {buffer.data(), buffer.data() + bias, depth, columns_};
}

void Products::multiply(const Panel& panel, RowsView<const float> x, RowsView<float> out, bool accumulate) const {
  kernels_.f32->linear({.weights = {panel.weights, panel.bias, panel.depth, panel.columns},
                        .x = x,
                        .residual = accumulate ? RowsView<const float>(out) : RowsView<const float>(),
                        .out = out});
}

void Products::forward_in_bf16(RowsView<const float> x, std::span<const Output> outputs, const LineTask& before_rows) {
  right_.clear();
  bf16_products_.clear();
  for (const Output& output : outputs) {
    const LinearParameters& layer = *output.layer;
    right_.push_back({layer.weight, layer.stride, layer.in_features,
                      layer.turned ? DepthOrder::kAcrossLines : DepthOrder::kAlongLines});
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const LinearParameters& layer = *outputs[i].layer;
    bf16_products_.push_back(
        {std::span(right_).subspan(i, 1), layer.out_features, outputs[i].out, layer.bias, outputs[i].accumulate});
  }
  const Segment left{x.data, x.stride, outputs.front().layer->in_features, DepthOrder::kAlongLines};
  bf16_->multiply({&left, 1}, x.rows, bf16_products_, before_rows);
}

void Products::forward(RowsView<const float> x, std::span<const Output> outputs, const LineTask& before_rows) {
  if (bf16_) return forward_in_bf16(x, outputs, before_rows);
  if (before_rows) for_row_blocks(team_, x.rows, before_rows);
  std::size_t items = 0;
  for (const Output& output : outputs)
    items += static_cast<std::size_t>(blocks_of(output.layer->out_features, columns_));
  team_.parallel_for(items, [&](std::size_t item, std::size_t member) {
    const Output* output = outputs.data();
    auto block = static_cast<std::int64_t>(item);
    while (block >= blocks_of(output->layer->out_features, columns_)) {
      block -= blocks_of(output->layer->out_features, columns_);
      ++output;
    }
    const LinearParameters& layer = *output->layer;
    const std::int64_t first = block * columns_;
    Panel panel = panel_of(member, layer.in_features);
    panel.columns = std::min(columns_, layer.out_features - first);
    if (layer.turned) {
      copy_panel(layer.weight + first, layer.stride, layer.in_features, panel.columns, columns_, panel.weights);
    } else {
      kernels_.training->transpose({.from = layer.weight + first * layer.stride,
                                    .from_stride = layer.stride,
                                    .rows = panel.columns,
                                    .columns = layer.in_features,
                                    .to = panel.weights,
                                    .to_stride = columns_});
    }
    std::fill(panel.bias, panel.bias + columns_, 0.0F);
    if (layer.bias != nullptr) std::copy_n(layer.bias + first, panel.columns, panel.bias);
    multiply(panel, x, {output->out.data + first, x.rows, output->out.stride}, output->accumulate);
  });
}

void Products::forward(RowsView<const float> x, const LinearParameters& layer, RowsView<float> out) {
  const Output output{&layer, out};
  forward(x, {&output, 1});
}

/// before_rows, then the sums of these rows for each bias that learns.
LineTask Products::with_bias_sums(std::span<const Gradient> gradients, const LineTask& before_rows) {
  const auto wants = [](const Gradient& gradient) {
    return gradient.bias_sums != nullptr && gradient.layer->d_bias != nullptr;
  };
  for (const Gradient& gradient : gradients) {
    if (!wants(gradient)) continue;
    BiasSums& sums = *gradient.bias_sums;
    sums.blocks = row_blocks(gradient.dy.rows);
    sums.parts.ensure(static_cast<std::size_t>(sums.blocks * gradient.layer->out_features));
  }
  return [this, gradients, wants, &before_rows](std::int64_t first, std::int64_t count) {
    if (before_rows) before_rows(first, count);
    for (const Gradient& gradient : gradients) {
      if (!wants(gradient)) continue;
      const std::int64_t width = gradient.layer->out_features;
      float* const sums = gradient.bias_sums->parts.data() + first / kRowBlock * width;
      std::fill_n(sums, width, 0.0F);
      kernels_.training->column_sums({.x = {gradient.dy.data + first * gradient.dy.stride, count, gradient.dy.stride},
                                      .first = 0,
                                      .columns = width,
                                      .sums = sums});
    }
  };
}

/// One product over the outputs of all layers, laid end to end.
void Products::input_gradient_in_bf16(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                                      const LineTask& before_rows) {
  left_.clear();
  right_.clear();
  for (const Gradient& gradient : gradients) {
    const LinearParameters& layer = *gradient.layer;
    left_.push_back({gradient.dy.data, gradient.dy.stride, layer.out_features, DepthOrder::kAlongLines});
    right_.push_back({layer.weight, layer.stride, layer.out_features,
                      layer.turned ? DepthOrder::kAlongLines : DepthOrder::kAcrossLines});
  }
  const Bf16Multiplier::Product product{right_, gradients.front().layer->in_features, dx, nullptr, accumulate};
  bf16_->multiply(left_, dx.rows, {&product, 1}, with_bias_sums(gradients, before_rows));
}

void Products::input_gradient(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                              const LineTask& before_rows) {
  if (bf16_) return input_gradient_in_bf16(gradients, dx, accumulate, before_rows);
  if (before_rows) for_row_blocks(team_, dx.rows, before_rows);
  const std::int64_t in_features = gradients.front().layer->in_features;
  team_.parallel_for(
      static_cast<std::size_t>(blocks_of(in_features, columns_)), [&](std::size_t item, std::size_t member) {
        const std::int64_t first = static_cast<std::int64_t>(item) * columns_;
        bool add = accumulate;
        for (const Gradient& gradient : gradients) {
          const LinearParameters& layer = *gradient.layer;
          Panel panel = panel_of(member, layer.out_features);
          panel.columns = std::min(columns_, in_features - first);
          if (layer.turned) {
            kernels_.training->transpose({.from = layer.weight + first * layer.stride,
                                          .from_stride = layer.stride,
                                          .rows = panel.columns,
                                          .columns = layer.out_features,
                                          .to = panel.weights,
                                          .to_stride = columns_});
          } else {
            copy_panel(layer.weight + first, layer.stride, layer.out_features, panel.columns, columns_, panel.weights);
          }
          std::fill(panel.bias, panel.bias + columns_, 0.0F);
          multiply(panel, gradient.dy, {dx.data + first, dx.rows, dx.stride}, add);
          add = true;
        }
      });
}

void Products::add_weight_gradient(const LinearParameters& layer, RowsView<const float> dy, RowsView<const float> x) {
  // As [features][rows] times [rows][features]: the operand whose features are the gradient's rows is turned first.
  const RowsView<const float> left = layer.turned ? x : dy;
  const RowsView<const float> right = layer.turned ? dy : x;
  const std::int64_t left_features = layer.turned ? layer.in_features : layer.out_features;
  const std::int64_t right_features = layer.turned ? layer.out_features : layer.in_features;
  const std::int64_t rows = left.rows;
  const std::int64_t row_stride = rounded_up(rows) + kernels::kMaxVectorWidth;  // no power of two
  turned_.ensure(static_cast<std::size_t>(left_features * row_stride));
  team_.parallel_for(static_cast<std::size_t>(blocks_of(left_features, kTurnedColumns)),
                     [&](std::size_t item, std::size_t) {
                       const std::int64_t first = static_cast<std::int64_t>(item) * kTurnedColumns;
                       kernels_.training->transpose({.from = left.data + first,
                                                     .from_stride = left.stride,
                                                     .rows = rows,
                                                     .columns = std::min(kTurnedColumns, left_features - first),
                                                     .to = turned_.data() + first * row_stride,
                                                     .to_stride = row_stride});
                     });
  team_.parallel_for(static_cast<std::size_t>(blocks_of(right_features, columns_)),
                     [&](std::size_t item, std::size_t member) {
                       const std::int64_t first = static_cast<std::int64_t>(item) * columns_;
                       Panel panel = panel_of(member, rows);
                       panel.columns = std::min(columns_, right_features - first);
                       copy_panel(right.data + first, right.stride, rows, panel.columns, columns_, panel.weights);
                       std::fill(panel.bias, panel.bias + columns_, 0.0F);
                       multiply(panel, {turned_.data(), left_features, row_stride},
                                {layer.d_weight + first, left_features, layer.stride}, true);
                     });
}

void Products::add_weight_gradient_in_bf16(const LinearParameters& layer, RowsView<const float> dy,
                                           RowsView<const float> x) {
  const RowsView<const float> rows_of = layer.turned ? x : dy;
  const RowsView<const float> columns_of = layer.turned ? dy : x;
  const std::int64_t rows = layer.turned ? layer.in_features : layer.out_features;
  const std::int64_t columns = layer.turned ? layer.out_features : layer.in_features;
  const Segment left{rows_of.data, rows_of.stride, x.rows, DepthOrder::kAcrossLines};
  const Segment right{columns_of.data, columns_of.stride, x.rows, DepthOrder::kAcrossLines};
  const Bf16Multiplier::Product product{{&right, 1}, columns, {layer.d_weight, rows, layer.stride}, nullptr, true};
  bf16_->multiply({&left, 1}, rows, {&product, 1});
}

void Products::weight_gradient(std::span<const Gradient> gradients, RowsView<const float> x) {
  for (const Gradient& gradient : gradients) {
    const LinearParameters& layer = *gradient.layer;
    VALENCE_ASSERT(gradient.dy.rows == x.rows, "a gradient for each row");
    if (layer.d_bias != nullptr) {
      RowsView<const float> terms = gradient.dy;
      if (BiasSums* const made = gradient.bias_sums; made != nullptr && made->blocks > 0) {
        VALENCE_ASSERT(made->blocks == row_blocks(gradient.dy.rows), "sums of this dy");
        terms = {made->parts.data(), std::exchange(made->blocks, 0), layer.out_features};
      }
      team_.parallel_for(
          static_cast<std::size_t>(blocks_of(layer.out_features, kTurnedColumns)), [&](std::size_t item, std::size_t) {
            const std::int64_t first = static_cast<std::int64_t>(item) * kTurnedColumns;
            kernels_.training->column_sums({.x = terms,
                                            .first = first,
                                            .columns = std::min(kTurnedColumns, layer.out_features - first),
                                            .sums = layer.d_bias});
          });
    }
    if (layer.d_weight == nullptr) continue;
    const std::int64_t row_block = bf16_ ? kBf16GradientRows : kGradientRows;
    for (std::int64_t row = 0; row < x.rows; row += row_block) {
      const std::int64_t rows = std::min(row_block, x.rows - row);
      const RowsView<const float> own_dy{gradient.dy.data + row * gradient.dy.stride, rows, gradient.dy.stride};
      const RowsView<const float> own_x{x.data + row * x.stride, rows, x.stride};
      bf16_ ? add_weight_gradient_in_bf16(layer, own_dy, own_x) : add_weight_gradient(layer, own_dy, own_x);
    }
  }
}

}  // namespace valence::train

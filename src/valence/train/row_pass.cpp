#include "valence/train/row_pass.h"

#include <algorithm>

#include "valence/train/row_views.h"

namespace valence::train {

void RowPass::norm_rows(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<float> out,
                        std::int64_t first, std::int64_t rows) const {
  kernels_.f32->layer_norm(
      {.x = part(x, first, rows), .addend = {}, .out = part(out, first, rows), .width = width, .norm = norm.weights});
}

void RowPass::norm(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<float> out) {
  for_row_blocks(team_, x.rows,
                 [&](std::int64_t first, std::int64_t rows) { norm_rows(x, width, norm, out, first, rows); });
}

void RowPass::begin_norm_backward(std::int64_t rows, std::int64_t width) {
  norm_parts_.ensure(static_cast<std::size_t>(2 * row_blocks(rows) * width));
}

void RowPass::norm_backward_rows(RowsView<const float> x, std::int64_t width, const Norm& norm,
                                 RowsView<const float> dy, RowsView<float> dx, std::int64_t first, std::int64_t rows) {
  float* d_weight = nullptr;
  if (norm.d_weight != nullptr || norm.d_bias != nullptr) {
    d_weight = norm_parts_.data() + first / kRowBlock * 2 * width;
    std::fill_n(d_weight, 2 * width, 0.0F);
  }
  kernels_.training->norm_backward({.x = part(x, first, rows),
                                    .dy = part(dy, first, rows),
                                    .dx = part(dx, first, rows),
                                    .width = width,
                                    .norm = norm.weights,
                                    .d_weight = d_weight,
                                    .d_bias = d_weight == nullptr ? nullptr : d_weight + width});
}

void RowPass::end_norm_backward(std::int64_t rows, std::int64_t width, const Norm& norm) {
  constexpr std::int64_t kColumns = 64;
  if (norm.d_weight == nullptr && norm.d_bias == nullptr) return;
  // What blocks of rows gave, in their order.
  team_.parallel_for(static_cast<std::size_t>((width + kColumns - 1) / kColumns), [&](std::size_t block, std::size_t) {
    const std::int64_t first = static_cast<std::int64_t>(block) * kColumns;
    const auto add_to = [&](float* sums, const float* parts) {
      if (sums == nullptr) return;
      kernels_.training->column_sums({.x = {parts, row_blocks(rows), 2 * width},
                                      .first = first,
                                      .columns = std::min(kColumns, width - first),
                                      .sums = sums});
    };
    add_to(norm.d_weight, norm_parts_.data());
    add_to(norm.d_bias, norm_parts_.data() + width);
  });
}

void RowPass::norm_backward(RowsView<const float> x, std::int64_t width, const Norm& norm, RowsView<const float> dy,
                            RowsView<float> dx) {
  begin_norm_backward(x.rows, width);
  for_row_blocks(team_, x.rows, [&](std::int64_t first, std::int64_t rows) {
    norm_backward_rows(x, width, norm, dy, dx, first, rows);
  });
  end_norm_backward(x.rows, width, norm);
}

RowDropout RowPass::dropout_at(DropoutRate rate, const DropoutStream* random, std::uint64_t place) const {
  if (random == nullptr || !rate.any()) return {};
  return {.drops = true, .key = random->key(place), .threshold = rate.threshold(), .scale = rate.scale()};
}

void RowPass::drop_rows(const RowDropout& dropout, RowsView<const float> x, std::int64_t width, RowsView<float> out,
                        std::int64_t first, std::int64_t rows) const {
  if (!dropout.drops && x.data == out.data) return;
  for (std::int64_t row = first; row < first + rows; ++row) {
    const float* from = x.data + row * x.stride;
    float* to = out.data + row * out.stride;
    if (!dropout.drops) {
      std::copy_n(from, width, to);
      continue;
    }
    kernels_.training->dropout({.x = from,
                                .out = to,
                                .size = width,
                                .key = dropout.key,
                                .first = static_cast<std::uint32_t>(row * width),
                                .threshold = dropout.threshold,
                                .scale = dropout.scale});
  }
}

void RowPass::drop(DropoutRate rate, const DropoutStream* random, std::uint64_t place, RowsView<const float> x,
                   std::int64_t width, RowsView<float> out) {
  const RowDropout dropout = dropout_at(rate, random, place);
  if (!dropout.drops && x.data == out.data) return;
  for_row_blocks(team_, x.rows,
                 [&](std::int64_t first, std::int64_t rows) { drop_rows(dropout, x, width, out, first, rows); });
}

void RowPass::add_rows(RowsView<float> x, RowsView<const float> y, std::int64_t width, std::int64_t first,
                       std::int64_t rows) const {
  kernels_.f32->add_rows({.x = part(x, first, rows), .y = part(y, first, rows), .width = width});
}

void RowPass::add(RowsView<float> x, RowsView<const float> y, std::int64_t width) {
  for_row_blocks(team_, x.rows, [&](std::int64_t first, std::int64_t rows) { add_rows(x, y, width, first, rows); });
}

void RowPass::activate_rows(Activation activation, RowsView<const float> x, RowsView<float> out, std::int64_t first,
                            std::int64_t rows) const {
  kernels_.f32->activate({.x = x.data + first * x.stride,
                          .out = out.data + first * out.stride,
                          .size = rows * x.stride,
                          .activation = activation});
}

void RowPass::activate(Activation activation, RowsView<const float> x, RowsView<float> out) {
  for_row_blocks(team_, x.rows,
                 [&](std::int64_t first, std::int64_t rows) { activate_rows(activation, x, out, first, rows); });
}

void RowPass::activate_backward_rows(Activation activation, RowsView<const float> x, RowsView<float> dy,
                                     RowsView<float> activated, std::int64_t first, std::int64_t rows) const {
  float* const gradient = dy.data + first * dy.stride;
  kernels_.training->activation_backward(
      {.x = x.data + first * x.stride,
       .dy = gradient,
       .dx = gradient,
       .activated = activated.data == nullptr ? nullptr : activated.data + first * activated.stride,
       .size = rows * x.stride,
       .activation = activation});
}

void RowPass::activate_backward(Activation activation, RowsView<const float> x, RowsView<float> dy) {
  for_row_blocks(team_, x.rows, [&](std::int64_t first, std::int64_t rows) {
    activate_backward_rows(activation, x, dy, {}, first, rows);
  });
}

}  // namespace valence::train

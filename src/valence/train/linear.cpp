#include "valence/train/linear.h"

#include "valence/train/row_views.h"

namespace valence::train {
void LinearPass::drop(RowsView<const float> x, std::int64_t width, const Linear& layer, const DropoutStream& random,
                      float* out) const {
  const DropoutRate& rate = layer.lora->dropout;
  const std::uint64_t key = random.key(layer.place);
  for_row_blocks(team_, x.rows, [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t row = first; row < first + rows; ++row) {
      kernels_.training->dropout({.x = x.data + row * x.stride,
                                  .out = out + row * width,
                                  .size = width,
                                  .key = key,
                                  .first = static_cast<std::uint32_t>(row * width),
                                  .threshold = rate.threshold(),
                                  .scale = rate.scale()});
    }
  });
}

RowsView<const float> LinearPass::dropped(RowsView<const float> x, std::int64_t width, const Linear& layer,
                                          const DropoutStream* random) {
  if (random == nullptr || !layer.lora->dropout.any()) return x;
  const auto out = view(dropped_, x.rows, width);
  drop(x, width, layer, *random, out.data);
  return out;
}

void LinearPass::forward(RowsView<const float> x, std::span<const Call> calls, const DropoutStream* random,
                         const LineTask& before_rows) {
  outputs_.clear();
  for (const Call& call : calls) outputs_.push_back({&call.layer->own, call.out, false});
  products_.forward(x, outputs_, before_rows);
  for (const Call& call : calls) {
    if (!call.layer->lora) continue;
    const LoraUpdate& lora = *call.layer->lora;
    const std::int64_t rank = lora.down.out_features;
    const auto down = view(call.tape->down, x.rows, rank);
    products_.forward(dropped(x, lora.down.in_features, *call.layer, random), lora.down, down);
    for (std::int64_t i = 0; i < x.rows * rank; ++i) down.data[i] *= lora.scale;
    const Products::Output up{&lora.up, call.out, true};
    products_.forward(down, {&up, 1});
  }
}

void LinearPass::take(std::span<const Gradient> gradients) {
  gradients_.clear();
  for (const Gradient& gradient : gradients)
    gradients_.push_back({&gradient.layer->own, gradient.dy, &gradient.tape->bias_sums});
}

void LinearPass::input_gradient(std::span<const Gradient> gradients, RowsView<float> dx, bool accumulate,
                                const DropoutStream* random, const LineTask& before_rows) {
  take(gradients);
  products_.input_gradient(gradients_, dx, accumulate, before_rows);
  for (const Gradient& gradient : gradients) {
    if (!gradient.layer->lora) continue;
    const LoraUpdate& lora = *gradient.layer->lora;
    const std::int64_t rows = gradient.dy.rows;
    const std::int64_t rank = lora.down.out_features;
    const std::int64_t width = lora.down.in_features;
    const Products::Gradient of_up{&lora.up, gradient.dy};
    const auto d_down = view(gradient.tape->d_down, rows, rank);
    products_.input_gradient({&of_up, 1}, d_down, false);
    for (std::int64_t i = 0; i < rows * rank; ++i) d_down.data[i] *= lora.scale;
    const Products::Gradient of_down{&lora.down, d_down};
    if (random == nullptr || !lora.dropout.any()) {
      products_.input_gradient({&of_down, 1}, dx, true);
      continue;
    }
    const auto d_dropped = view(d_dropped_, rows, width);
    products_.input_gradient({&of_down, 1}, d_dropped, false);
    drop(d_dropped, width, *gradient.layer, *random, d_dropped.data);
    for_row_blocks(team_, rows, [&](std::int64_t first, std::int64_t count) {
      kernels_.f32->add_rows({.x = {dx.data + first * dx.stride, count, dx.stride},
                              .y = {d_dropped.data + first * width, count, width},
                              .width = width});
    });
  }
}

void LinearPass::weight_gradient(RowsView<const float> x, std::span<const Gradient> gradients,
                                 const DropoutStream* random) {
  take(gradients);
  products_.weight_gradient(gradients_, x);
  for (const Gradient& gradient : gradients) {
    if (!gradient.layer->lora) continue;
    const LoraUpdate& lora = *gradient.layer->lora;
    const std::int64_t rank = lora.down.out_features;
    const Products::Gradient of_up{&lora.up, gradient.dy};
    products_.weight_gradient({&of_up, 1}, read(gradient.tape->down, x.rows, rank));
    const Products::Gradient of_down{&lora.down, read(gradient.tape->d_down, x.rows, rank)};
    products_.weight_gradient({&of_down, 1}, dropped(x, lora.down.in_features, *gradient.layer, random));
  }
}

void LinearPass::backward(RowsView<const float> x, std::span<const Gradient> gradients, RowsView<float> dx,
                          bool accumulate, const DropoutStream* random) {
  input_gradient(gradients, dx, accumulate, random);
  weight_gradient(x, gradients, random);
}

}  // namespace valence::train

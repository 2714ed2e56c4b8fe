#include "valence/train/convolution_pass.h"

#include <algorithm>
#include <array>

#include "valence/train/row_views.h"

namespace valence::train {

template <class Visit>
void ConvolutionPass::for_each_neighbour(const PackedBatch& batch, Visit&& visit) const {
  const std::int64_t width = spec_.convolution_width;
  const std::int64_t reach = width / 2;
  team_.parallel_for(static_cast<std::size_t>(batch.batch_size()), [&](std::size_t sequence, std::size_t) {
    const std::int64_t begin = batch.cu_seqlens[sequence];
    const std::int64_t end = batch.cu_seqlens[sequence + 1];
    for (std::int64_t token = begin; token < end; ++token) {
      for (std::int64_t place = 0; place < width; ++place) {
        const std::int64_t neighbour = token + place - reach;
        if (neighbour >= begin && neighbour < end) visit(token, neighbour, place);
      }
    }
  });
}

void ConvolutionPass::forward(const Step& step, RowsView<const float> embeddings, RowsView<const float> states,
                              RowsView<float> out) {
  const std::int64_t tokens = embeddings.rows;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t width = spec_.convolution_width;
  const auto neighbours = view(neighbours_, tokens, hidden * width);
  std::fill_n(neighbours.data, tokens * hidden * width, 0.0F);
  for_each_neighbour(*step.batch, [&](std::int64_t token, std::int64_t neighbour, std::int64_t place) {
    const float* from = embeddings.data + neighbour * embeddings.stride;
    float* to = neighbours.data + token * neighbours.stride + place;
    for (std::int64_t c = 0; c < hidden; ++c) to[c * width] = from[c];
  });
  const auto convolved = view(convolved_, tokens, hidden);
  linear_.forward(neighbours, std::array{LinearPass::Call{&convolution_.kernel, &tape_, convolved}}, nullptr);
  rows_.drop(step.dropout, step.random, step.place, convolved, hidden, convolved);
  const auto summed = view(summed_, tokens, hidden);
  rows_.activate(spec_.convolution_act, convolved, summed);
  rows_.add(summed, states, hidden);
  rows_.norm(summed, hidden, convolution_.norm, out);
}

void ConvolutionPass::backward(const Step& step, RowsView<float> gradient) {
  const std::int64_t tokens = gradient.rows;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t width = spec_.convolution_width;
  rows_.norm_backward(read(summed_, tokens, hidden), hidden, convolution_.norm, gradient, gradient);
  const auto d_convolved = view(d_convolved_, tokens, hidden);
  std::copy_n(gradient.data, tokens * hidden, d_convolved.data);
  rows_.activate_backward(spec_.convolution_act, read(convolved_, tokens, hidden), d_convolved);
  rows_.drop(step.dropout, step.random, step.place, d_convolved, hidden, d_convolved);
  linear_.backward(read(neighbours_, tokens, hidden * width),
                   std::array{LinearPass::Gradient{&convolution_.kernel, &tape_, d_convolved}},
                   view(d_neighbours_, tokens, hidden * width), false, nullptr);
}

void ConvolutionPass::add_to_embeddings(const PackedBatch& batch, RowsView<float> d_embeddings) {
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t width = spec_.convolution_width;
  for_each_neighbour(batch, [&](std::int64_t token, std::int64_t neighbour, std::int64_t place) {
    const float* from = d_neighbours_.data() + token * hidden * width + place;
    float* to = d_embeddings.data + neighbour * d_embeddings.stride;
    for (std::int64_t c = 0; c < hidden; ++c) to[c] += from[c * width];
  });
}

}  // namespace valence::train

#include "valence/train/convolution_pass.h"

#include <algorithm>
#include <array>
#include <utility>

#include "valence/train/row_views.h"

namespace valence::train {

namespace {

/// [first, past the last) of the places of a kernel of `width` whose neighbours lie within the text [begin, end).
std::pair<std::int64_t, std::int64_t> places_within(std::int64_t token, std::int64_t begin, std::int64_t end,
                                                    std::int64_t width) {
  const std::int64_t reach = width / 2;
  return {std::max<std::int64_t>(0, begin - token + reach), std::min(width, end - token + reach)};
}

}  // namespace

void ConvolutionPass::forward(const Step& step, RowsView<const float> embeddings, RowsView<const float> states,
                              RowsView<float> out) {
  const std::int64_t tokens = embeddings.rows;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t width = spec_.convolution_width;
  const PackedBatch& batch = *step.batch;
  const auto neighbours = view(neighbours_, tokens, hidden * width);
  for_row_blocks(team_, tokens, [&](std::int64_t first, std::int64_t count) {
    std::fill_n(neighbours.data + first * neighbours.stride, count * neighbours.stride, 0.0F);
    auto text = std::ranges::upper_bound(batch.cu_seqlens, first) - 1;
    for (std::int64_t token = first; token < first + count; ++token) {
      while (token == text[1]) ++text;
      const auto [begin, end] = places_within(token, text[0], text[1], width);
      for (std::int64_t place = begin; place < end; ++place) {
        const float* from = embeddings.data + (token + place - width / 2) * embeddings.stride;
        float* to = neighbours.data + token * neighbours.stride + place;
        for (std::int64_t c = 0; c < hidden; ++c) to[c * width] = from[c];
      }
    }
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
  for_row_blocks(team_, tokens, [&](std::int64_t first, std::int64_t count) {
    std::copy_n(gradient.data + first * hidden, count * hidden, d_convolved.data + first * hidden);
  });
  rows_.activate_backward(spec_.convolution_act, read(convolved_, tokens, hidden), d_convolved);
  rows_.drop(step.dropout, step.random, step.place, d_convolved, hidden, d_convolved);
  linear_.backward(read(neighbours_, tokens, hidden * width),
                   std::array{LinearPass::Gradient{&convolution_.kernel, &tape_, d_convolved}},
                   view(d_neighbours_, tokens, hidden * width), false, nullptr);
}

void ConvolutionPass::add_to_embeddings(const PackedBatch& batch, RowsView<float> d_embeddings) {
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t width = spec_.convolution_width;
  // An embedding gets what the tokens around it give, in their order: whoever computes it, the same sums.
  for_row_blocks(team_, d_embeddings.rows, [&](std::int64_t first, std::int64_t count) {
    auto text = std::ranges::upper_bound(batch.cu_seqlens, first) - 1;
    for (std::int64_t neighbour = first; neighbour < first + count; ++neighbour) {
      while (neighbour == text[1]) ++text;
      float* to = d_embeddings.data + neighbour * d_embeddings.stride;
      const auto [begin, end] = places_within(neighbour, text[0], text[1], width);
      for (std::int64_t at = begin; at < end; ++at) {
        const std::int64_t token = neighbour + at - width / 2;
        const float* from = d_neighbours_.data() + token * hidden * width + (width - 1 - at);
        for (std::int64_t c = 0; c < hidden; ++c) to[c] += from[c * width];
      }
    }
  });
}

}  // namespace valence::train

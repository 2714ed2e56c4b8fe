/// \file
/// Operations on one row at a time: embedding lookup, normalisation, rotary embedding, activations, gates.
#pragma once

#include "valence/kernels/kernel_table.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

// Independent partial sums of a row: enough to hide the latency of an addition.
inline constexpr int kPartialSums = 4;

/// The sum of term(i) over a row: vector_term for whole vectors, scalar_term for the rest.
template <class V, class VectorTerm, class ScalarTerm>
float sum_row(std::int64_t width, VectorTerm vector_term, ScalarTerm scalar_term) {
  typename V::Vec sums[kPartialSums] = {V::zero(), V::zero(), V::zero(), V::zero()};
  std::int64_t i = 0;
  for (; i + kPartialSums * V::kWidth <= width; i += kPartialSums * V::kWidth) {
    for (int s = 0; s < kPartialSums; ++s) sums[s] = V::add(sums[s], vector_term(i + s * V::kWidth));
  }
  for (; i + V::kWidth <= width; i += V::kWidth) sums[0] = V::add(sums[0], vector_term(i));
  float sum = V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  for (; i < width; ++i) sum += scalar_term(i);
  return sum;
}

/// What is subtracted from a row's elements and what they are then multiplied by. Two passes for the variance:
/// E[x^2] - E[x]^2 loses everything when the mean is large.
struct NormMoments {
  float mean = 0.0F;
  float inverse;
};

template <class V>
NormMoments norm_moments(const float* row, std::int64_t width, const LayerNormWeights& norm) {
  NormMoments moments;
  const float count = static_cast<float>(width);
  if (norm.kind == NormKind::kLayerNorm) {
    moments.mean =
        sum_row<V>(
            width, [&](std::int64_t i) { return V::load(row + i); }, [&](std::int64_t i) { return row[i]; }) /
        count;
  }
  const float mean = moments.mean;
  const auto means = V::broadcast(mean);
  const float squares = sum_row<V>(
      width,
      [&](std::int64_t i) {
        const auto centred = V::sub(V::load(row + i), means);
        return V::mul(centred, centred);
      },
      [&](std::int64_t i) { return (row[i] - mean) * (row[i] - mean); });
  moments.inverse = 1.0F / __builtin_sqrtf(squares / count + norm.epsilon);
  return moments;
}

/// row = (row - mean) / sqrt(variance + epsilon) * weight + bias, in place.
template <class V>
void normalize_row(float* row, std::int64_t width, const LayerNormWeights& norm) {
  const auto [mean, inverse] = norm_moments<V>(row, width, norm);
  const auto means = V::broadcast(mean);
  const auto inverses = V::broadcast(inverse);
  std::int64_t i = 0;
  for (; i + V::kWidth <= width; i += V::kWidth) {
    auto y = V::mul(V::sub(V::load(row + i), means), inverses);
    if (norm.weight != nullptr) y = V::mul(y, V::load(norm.weight + i));
    if (norm.bias != nullptr) y = V::add(y, V::load(norm.bias + i));
    V::store(row + i, y);
  }
  for (; i < width; ++i) {
    float y = (row[i] - mean) * inverse;
    if (norm.weight != nullptr) y *= norm.weight[i];
    if (norm.bias != nullptr) y += norm.bias[i];
    row[i] = y;
  }
}

template <class V>
void layer_norm(const LayerNormCall& call) noexcept {
  for (std::int64_t r = 0; r < call.x.rows; ++r) {
    const float* x = call.x.data + r * call.x.stride;
    const float* addend = call.addend.data == nullptr ? nullptr : call.addend.data + r * call.addend.stride;
    float* out = call.out.data + r * call.out.stride;
    std::int64_t i = 0;
    for (; i + V::kWidth <= call.width; i += V::kWidth) {
      const auto v = V::load(x + i);
      V::store(out + i, addend == nullptr ? v : V::add(v, V::load(addend + i)));
    }
    for (; i < call.width; ++i) out[i] = addend == nullptr ? x[i] : x[i] + addend[i];
    normalize_row<V>(out, call.width, call.norm);
  }
}

enum class LookupMode { kSet, kAdd };

/// row = (or +=) the table's row `id`. An absent table adds nothing.
template <class V>
void look_up(const EmbeddingTable& table, const std::int32_t* ids, std::int64_t token, LookupMode mode, float* row,
             std::int64_t width) {
  const bool add = mode == LookupMode::kAdd;
  std::int64_t i = 0;
  if (table.f32 != nullptr) {
    const float* from = table.f32 + ids[token] * width;
    for (; i + V::kWidth <= width; i += V::kWidth) {
      V::store(row + i, add ? V::add(V::load(row + i), V::load(from + i)) : V::load(from + i));
    }
    for (; i < width; ++i) row[i] = add ? row[i] + from[i] : from[i];
  } else if (table.i8 != nullptr) {
    const std::int8_t* from = table.i8 + ids[token] * width;
    const float scale = table.row_scales[ids[token]];
    for (; i + V::kWidth <= width; i += V::kWidth) {
      const auto v = V::mul(V::load_i8(from + i), V::broadcast(scale));
      V::store(row + i, add ? V::add(V::load(row + i), v) : v);
    }
    for (; i < width; ++i) {
      const float v = static_cast<float>(from[i]) * scale;
      row[i] = add ? row[i] + v : v;
    }
  }
}

template <class V>
void embed(const EmbedCall& call) noexcept {
  for (std::int64_t t = 0; t < call.out.rows; ++t) {
    float* row = call.out.data + t * call.out.stride;
    look_up<V>(call.word, call.input_ids, t, LookupMode::kSet, row, call.width);
    // Token types before positions: the order of BertEmbeddings, so that sums round alike.
    look_up<V>(call.token_type, call.token_type_ids, t, LookupMode::kAdd, row, call.width);
    look_up<V>(call.position, call.position_ids, t, LookupMode::kAdd, row, call.width);
    if (call.normalize) normalize_row<V>(row, call.width, call.norm);
  }
}

template <class V>
void activate(const ActivateCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    std::int64_t i = 0;
    for (; i + V::kWidth <= call.size; i += V::kWidth) {
      V::store(call.out + i, activation<V, kActivation>(V::load(call.x + i)));
    }
    if (i < call.size) {
      const std::int64_t rest = call.size - i;
      V::store_partial(call.out + i, activation<V, kActivation>(V::load_partial(call.x + i, rest)), rest);
    }
  });
}

/// Calls function(i, n) for columns [i, i + n): whole vectors, and what is left of `width` at last.
template <class V, class Function>
void visit_vectors(std::int64_t width, Function function) {
  std::int64_t i = 0;
  for (; i + V::kWidth <= width; i += V::kWidth) function(i, std::int64_t{V::kWidth});
  if (i < width) function(i, width - i);
}

template <class V>
typename V::Vec load_some(const float* p, std::int64_t n) {
  return n == V::kWidth ? V::load(p) : V::load_partial(p, n);
}

template <class V>
void store_some(float* p, typename V::Vec v, std::int64_t n) {
  n == V::kWidth ? V::store(p, v) : V::store_partial(p, v, n);
}

template <class V>
void rotate(const RotaryCall& call) noexcept {
  const std::int64_t half = call.rotary_dim / 2;
  for (std::int64_t r = 0; r < call.x.rows; ++r) {
    const float* cos = call.cos + call.positions[r] * half;
    const float* sin = call.sin + call.positions[r] * half;
    for (std::int64_t h = 0; h < call.num_heads; ++h) {
      float* low = call.x.data + r * call.x.stride + h * call.head_dim;
      float* high = low + half;
      visit_vectors<V>(half, [&](std::int64_t i, std::int64_t n) {
        const auto c = load_some<V>(cos + i, n);
        const auto s = load_some<V>(sin + i, n);
        const auto x = load_some<V>(low + i, n);
        const auto y = load_some<V>(high + i, n);
        store_some<V>(low + i, V::fnma(y, s, V::mul(x, c)), n);
        store_some<V>(high + i, V::fma(x, s, V::mul(y, c)), n);
      });
    }
  }
}

template <class V>
void gate(const GateCall& call) noexcept {
  with_activation(call.activation, [&]<Activation kActivation>() {
    for (std::int64_t r = 0; r < call.x.rows; ++r) {
      const float* x = call.x.data + r * call.x.stride;
      float* out = call.out.data + r * call.out.stride;
      visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
        const auto activated = activation<V, kActivation>(load_some<V>(x + i, n));
        store_some<V>(out + i, V::mul(activated, load_some<V>(x + call.width + i, n)), n);
      });
    }
  });
}

template <class V>
void add_rows(const AddRowsCall& call) noexcept {
  for (std::int64_t r = 0; r < call.x.rows; ++r) {
    float* x = call.x.data + r * call.x.stride;
    const float* y = call.y.data + r * call.y.stride;
    visit_vectors<V>(call.width, [&](std::int64_t i, std::int64_t n) {
      store_some<V>(x + i, V::add(load_some<V>(x + i, n), load_some<V>(y + i, n)), n);
    });
  }
}

}  // namespace
}  // namespace valence::kernels

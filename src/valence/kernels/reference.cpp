#include "valence/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace valence::kernels::reference {
namespace {

double gelu_tanh(double x) {
  const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

/// Element `column` of row `id`; 0 of an absent table.
double embedding(const EmbeddingTable& table, std::span<const std::int32_t> ids, std::int64_t token, std::int64_t width,
                 std::int64_t column) {
  if (table.f32 != nullptr) return table.f32[ids[token] * width + column];
  if (table.i8 != nullptr) return double{table.row_scales[ids[token]]} * table.i8[ids[token] * width + column];
  return 0;
}

void normalize(std::span<double> row, const LayerNormWeights& norm) {
  const auto width = static_cast<double>(row.size());
  double mean = 0;
  if (norm.kind == NormKind::kLayerNorm) {
    for (const double v : row) mean += v / width;
  }
  double variance = 0;
  for (const double v : row) variance += (v - mean) * (v - mean) / width;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = (row[i] - mean) / std::sqrt(variance + norm.epsilon);
    if (norm.weight != nullptr) row[i] *= norm.weight[i];
    if (norm.bias != nullptr) row[i] += norm.bias[i];
  }
}

double dot(const float* a, const float* b, std::int64_t size) {
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += double{a[i]} * b[i];
  return sum;
}

/// One head of one query; k and v begin at the sequence's first key.
struct Query {
  const float* q;
  const float* k;
  const float* v;
  std::int64_t kv_stride;
  std::int64_t keys;
  std::int64_t head;
  std::int64_t head_dim;
  std::int64_t position;
  double scale;
};

bool sees(const AttentionPattern& pattern, std::int64_t distance) {
  if (pattern.causal && distance < 0) return false;
  return pattern.window < 0 || std::abs(distance) <= pattern.window;
}

double score(const Query& query, const AttentionPattern& pattern, std::int64_t key) {
  const std::int64_t distance = query.position - key;
  const float* k = query.k + key * query.kv_stride;
  double products = dot(query.q, k, query.head_dim);
  if (pattern.distance_rows != nullptr) {
    const std::int64_t offset = pattern.distance_rows[distance] * pattern.position_stride + query.head * query.head_dim;
    if (pattern.position_keys != nullptr) products += dot(query.q, pattern.position_keys + offset, query.head_dim);
    if (pattern.position_queries != nullptr) products += dot(k, pattern.position_queries + offset, query.head_dim);
  }
  const double bias = pattern.relative_bias == nullptr
                          ? 0
                          : pattern.relative_bias[query.head * pattern.relative_bias_stride + distance];
  return query.scale * products + bias;
}

void attend(const Query& query, const AttentionPattern& pattern, double* out) {
  constexpr double kHidden = -std::numeric_limits<double>::infinity();
  std::vector<double> weights(static_cast<std::size_t>(query.keys), kHidden);
  double greatest = kHidden;
  for (std::int64_t j = 0; j < query.keys; ++j) {
    if (sees(pattern, query.position - j)) weights[j] = score(query, pattern, j);
    greatest = std::max(greatest, weights[j]);
  }
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - greatest);
  std::fill_n(out, query.head_dim, 0.0);
  for (std::int64_t j = 0; j < query.keys; ++j) {
    for (std::int64_t d = 0; d < query.head_dim; ++d) out[d] += weights[j] / sum * query.v[j * query.kv_stride + d];
  }
}

}  // namespace

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Activation::kGeluTanh:
      return gelu_tanh(x);
    case Activation::kRelu:
      return x < 0 ? 0 : x;
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
  }
  return x;
}

void linear(RowsView<const float> x, const DenseLinear& weights, const LinearEpilogue& epilogue, RowsView<double> out) {
  const auto [in_features, out_features] = weights.shape;
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t o = 0; o < out_features; ++o) {
      double y = dot(x.data + r * x.stride, weights.weight.data() + o * in_features, in_features);
      if (!weights.bias.empty()) y += weights.bias[o];
      y = activate(epilogue.activation, y);
      if (epilogue.residual.data != nullptr) y += epilogue.residual.data[r * epilogue.residual.stride + o];
      out.data[r * out.stride + o] = y;
    }
  }
}

void self_attention(AttentionShape shape, QkvView qkv, std::span<const std::int32_t> cu_seqlens,
                    AttentionQueries queries, RowsView<double> out) {
  self_attention(shape, {}, qkv, cu_seqlens, queries, out);
}

void self_attention(AttentionShape shape, const AttentionPattern& pattern, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, RowsView<double> out) {
  const std::int64_t num_kv_heads = pattern.num_kv_heads == 0 ? shape.num_heads : pattern.num_kv_heads;
  std::int64_t row = 0;
  for (std::size_t s = 0; s + 1 < cu_seqlens.size(); ++s) {
    const std::int64_t first = cu_seqlens[s];
    const std::int64_t keys = cu_seqlens[s + 1] - first;
    const std::int64_t count = queries == AttentionQueries::kAll ? keys : 1;
    for (std::int64_t i = 0; i < count; ++i, ++row) {
      if (keys == 0) continue;
      for (std::int64_t h = 0; h < shape.num_heads; ++h) {
        const std::int64_t column = h * shape.head_dim;
        const std::int64_t kv = first * qkv.kv_stride + h / (shape.num_heads / num_kv_heads) * shape.head_dim;
        attend({.q = qkv.q + row * qkv.q_stride + column,
                .k = qkv.k + kv,
                .v = qkv.v + kv,
                .kv_stride = qkv.kv_stride,
                .keys = keys,
                .head = h,
                .head_dim = shape.head_dim,
                .position = queries == AttentionQueries::kLastOfEach ? keys - 1 : i,
                .scale = shape.scale != 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(shape.head_dim))},
               pattern, out.data + row * out.stride + column);
      }
    }
  }
}

void add_layer_norm(RowsView<const float> x, RowsView<const float> addend, std::int64_t width,
                    const LayerNormWeights& norm, RowsView<double> out) {
  for (std::int64_t r = 0; r < x.rows; ++r) {
    const std::span<double> row(out.data + r * out.stride, static_cast<std::size_t>(width));
    for (std::int64_t i = 0; i < width; ++i) {
      row[i] = x.data[r * x.stride + i];
      if (addend.data != nullptr) row[i] += addend.data[r * addend.stride + i];
    }
    normalize(row, norm);
  }
}

void embed_layer_norm(const Embeddings& embeddings, const EmbeddingIds& ids, RowsView<double> out) {
  for (std::int64_t t = 0; t < out.rows; ++t) {
    const std::span<double> row(out.data + t * out.stride, static_cast<std::size_t>(embeddings.width));
    for (std::int64_t i = 0; i < embeddings.width; ++i) {
      row[i] = embedding(embeddings.word, ids.input_ids, t, embeddings.width, i) +
               embedding(embeddings.position, ids.position_ids, t, embeddings.width, i) +
               embedding(embeddings.token_type, ids.token_type_ids, t, embeddings.width, i);
    }
    if (embeddings.normalize) normalize(row, embeddings.norm);
  }
}

void rotate(const RotaryCall& call, RowsView<double> x) {
  const std::int64_t half = call.rotary_dim / 2;
  for (std::int64_t r = 0; r < x.rows; ++r) {
    for (std::int64_t h = 0; h < call.num_heads; ++h) {
      double* head = x.data + r * x.stride + h * call.head_dim;
      for (std::int64_t i = 0; i < half; ++i) {
        const double cos = call.cos[call.positions[r] * half + i];
        const double sin = call.sin[call.positions[r] * half + i];
        const double low = head[i];
        const double high = head[half + i];
        head[i] = low * cos - high * sin;
        head[half + i] = high * cos + low * sin;
      }
    }
  }
}

void gate(const GateCall& call, RowsView<double> out) {
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const float* x = call.x.data + r * call.x.stride;
    for (std::int64_t c = 0; c < call.width; ++c) {
      out.data[r * out.stride + c] = activate(call.activation, x[c]) * x[call.width + c];
    }
  }
}

}  // namespace valence::kernels::reference

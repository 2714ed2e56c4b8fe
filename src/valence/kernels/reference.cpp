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
  for (const double v : row) mean += v / width;
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

/// One head of one query over `keys` keys.
void attend(const float* q, const float* k, const float* v, std::int64_t kv_stride, std::int64_t keys,
            std::int64_t head_dim, double* out) {
  std::vector<double> weights(static_cast<std::size_t>(keys));
  double greatest = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < keys; ++j) {
    weights[j] = dot(q, k + j * kv_stride, head_dim) / std::sqrt(static_cast<double>(head_dim));
    greatest = std::max(greatest, weights[j]);
  }
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - greatest);
  std::fill_n(out, head_dim, 0.0);
  for (std::int64_t j = 0; j < keys; ++j) {
    for (std::int64_t d = 0; d < head_dim; ++d) out[d] += weights[j] / sum * v[j * kv_stride + d];
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
  std::int64_t row = 0;
  for (std::size_t s = 0; s + 1 < cu_seqlens.size(); ++s) {
    const std::int64_t first = cu_seqlens[s];
    const std::int64_t keys = cu_seqlens[s + 1] - first;
    const std::int64_t count = queries == AttentionQueries::kAll ? keys : 1;
    for (std::int64_t i = 0; i < count; ++i, ++row) {
      if (keys == 0) continue;
      for (std::int64_t h = 0; h < shape.num_heads; ++h) {
        const std::int64_t column = h * shape.head_dim;
        const std::int64_t kv = first * qkv.kv_stride + column;
        attend(qkv.q + row * qkv.q_stride + column, qkv.k + kv, qkv.v + kv, qkv.kv_stride, keys, shape.head_dim,
               out.data + row * out.stride + column);
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
    normalize(row, embeddings.norm);
  }
}

}  // namespace valence::kernels::reference

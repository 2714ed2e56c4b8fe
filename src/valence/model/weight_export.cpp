#include "valence/model/weight_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "valence/base/check.h"

namespace valence {
namespace {

/// Round to nearest even, as torch does; NaN stays one.
std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// A block of 32: a half, then 32 integers. Source: quantize_row_q8_0_ref in ggml-quants.c.
void encode_q8_0(std::span<const float> block, std::byte* out) {
  constexpr float kLargest = 127.0F;
  float largest = 0;
  for (const float value : block) largest = std::max(largest, std::fabs(value));
  const float scale = largest / kLargest;
  const float inverse = scale != 0 ? 1.0F / scale : 0.0F;
  const std::uint16_t half = f32_to_f16(scale);
  std::memcpy(out, &half, sizeof half);
  for (std::size_t i = 0; i < block.size(); ++i) {
    out[sizeof half + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(block[i] * inverse)));
  }
}

/// Row `row` of an interleaved head, as MatrixView counts them.
std::int64_t interleaved_row(std::int64_t head, std::int64_t row) {
  MatrixView order;
  order.interleaved_head = head;
  return order.stored_row(row);
}

/// Appends the vector with its outputs in the order of transformers.
void append(const ExportedVector& vector, std::vector<float>& all) {
  std::vector<float> stored(static_cast<std::size_t>(vector.values.elements()));
  copy_as_f32(vector.values, stored);
  for (std::size_t row = 0; row < stored.size(); ++row) {
    all.push_back(
        stored[static_cast<std::size_t>(interleaved_row(vector.interleaved_head, static_cast<std::int64_t>(row)))]);
  }
}

void append(const MatrixView& matrix, std::vector<float>& all) {
  const std::int64_t rows = matrix.rows();
  const auto columns = static_cast<std::size_t>(matrix.columns());
  const std::size_t begin = all.size();
  all.resize(begin + static_cast<std::size_t>(rows) * columns);
  const auto values = std::span(all).subspan(begin);
  if (matrix.transposed) {
    copy_transposed_rows_as_f32(matrix, 0, rows, values);
    return;
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    copy_row_as_f32(matrix, row, values.subspan(static_cast<std::size_t>(row) * columns, columns));
  }
}

std::vector<float> with_pairs_side_by_side(const std::vector<float>& rows, std::int64_t count, std::int64_t head) {
  std::vector<float> all(rows.size());
  const std::size_t width = rows.size() / static_cast<std::size_t>(count);
  for (std::int64_t row = 0; row < count; ++row) {
    const auto from = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * width);
    const auto to = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(interleaved_row(head, row)) * width);
    std::copy_n(rows.begin() + from, width, all.begin() + to);
  }
  return all;
}

/// [rows, columns] -> [columns, rows]
std::vector<float> turned(const std::vector<float>& values, std::size_t rows, std::size_t columns) {
  std::vector<float> all(values.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      all[column * rows + row] = values[row * columns + column];
    }
  }
  return all;
}

/// Gathers parameters under their new names, each once.
class Roles {
 public:
  explicit Roles(const Architecture& architecture) : architecture_(architecture) {}

  void table(std::string_view module, const MatrixView& matrix) { matrices(std::string(module), {&matrix}, {}); }
  void norm(std::string_view module, const LayerNormWeights& weights) {
    vectors(fmt::format("{}.weight", module), {{weights.weight}}, 0);
    if (weights.bias) vectors(fmt::format("{}.bias", module), {{*weights.bias}}, 0);
  }
  void linear(std::string_view module, const LinearWeights& weights) { stacked(std::string(module), {&weights}, {}); }

  /// A layer's. `interleaved_head`: rows are to be written so.
  void in_layer(const std::string& module, const std::vector<const LinearWeights*>& parts,
                std::int64_t interleaved_head = 0) {
    stacked(module, parts, {.transposed = architecture_.transposed_linears, .interleaved_head = interleaved_head});
  }
  [[nodiscard]] std::vector<ExportedWeight> take() { return std::move(all_); }

 private:
  struct Order {
    bool transposed = false;
    std::int64_t interleaved_head = 0;
  };

  void stacked(const std::string& module, const std::vector<const LinearWeights*>& parts, Order order) {
    std::vector<const MatrixView*> weights;
    std::vector<ExportedVector> biases;
    for (const LinearWeights* part : parts) {
      weights.push_back(&part->weight);
      if (part->bias) biases.push_back({*part->bias, part->weight.interleaved_head});
    }
    matrices(module, weights, order);
    if (!biases.empty()) vectors(module + ".bias", std::move(biases), order.interleaved_head);
  }
  void matrices(const std::string& module, const std::vector<const MatrixView*>& parts, Order order) {
    ExportedWeight weight{.name = module + ".weight",
                          .shape = {0, parts.front()->columns()},
                          .matrices = {},
                          .vectors = {},
                          .transposed = order.transposed,
                          .interleaved_head = order.interleaved_head};
    for (const MatrixView* part : parts) {
      weight.shape[0] += part->rows();
      weight.matrices.push_back(*part);
    }
    if (order.transposed) std::swap(weight.shape[0], weight.shape[1]);
    add(std::move(weight));
  }
  void vectors(std::string name, std::vector<ExportedVector> parts, std::int64_t interleaved_head) {
    ExportedWeight weight{.name = std::move(name),
                          .shape = {0},
                          .matrices = {},
                          .vectors = std::move(parts),
                          .transposed = false,
                          .interleaved_head = interleaved_head};
    for (const ExportedVector& part : weight.vectors) weight.shape[0] += part.values.elements();
    add(std::move(weight));
  }
  void add(ExportedWeight weight) {
    if (names_.insert(weight.name).second) all_.push_back(std::move(weight));
  }

  const Architecture& architecture_;
  std::vector<ExportedWeight> all_;
  std::set<std::string> names_;
};

void add_layer(const ModelSpec& spec, const Architecture& architecture, const LayerWeights& layer,
               const std::string& module, Roles& roles) {
  const TensorNames& names = architecture.names;
  const auto named = [&](std::string_view name) { return fmt::format("{}.{}", module, name); };
  const std::int64_t head = architecture.interleaved_rotary ? spec.encoder.head_size() : 0;
  if (names.qkv.empty()) {
    roles.in_layer(named(names.query), {&layer.query}, head);
    roles.in_layer(named(names.key), {&layer.key}, head);
    roles.in_layer(named(names.value), {&layer.value});
  } else {
    roles.in_layer(named(names.qkv), {&layer.query, &layer.key, &layer.value});
  }
  if (layer.query_norm) roles.norm(named(names.query_norm), *layer.query_norm);
  if (layer.key_norm) roles.norm(named(names.key_norm), *layer.key_norm);
  roles.in_layer(named(names.attention_output), {&layer.attention_output});
  if (layer.attention_norm) roles.norm(named(names.attention_norm), *layer.attention_norm);
  if (layer.gate && !names.gate_intermediate.empty()) {
    roles.in_layer(named(names.gate_intermediate), {&*layer.gate, &layer.intermediate});
  } else {
    if (layer.gate) roles.in_layer(named(names.gate), {&*layer.gate});
    roles.in_layer(named(names.intermediate), {&layer.intermediate});
  }
  roles.in_layer(named(names.output), {&layer.output});
  roles.norm(named(names.output_norm), layer.output_norm);
}

}  // namespace

std::vector<float> ExportedWeight::values() const {
  std::vector<float> all;
  for (const MatrixView& matrix : matrices) append(matrix, all);
  for (const ExportedVector& vector : vectors) append(vector, all);
  const std::int64_t rows = transposed ? shape[1] : shape[0];
  if (interleaved_head > 0) all = with_pairs_side_by_side(all, rows, interleaved_head);
  if (transposed) all = turned(all, static_cast<std::size_t>(rows), static_cast<std::size_t>(shape[0]));
  return all;
}

std::vector<ExportedWeight> weights_by_role(const ModelSpec& spec, const ModelWeights& weights,
                                            const Architecture& architecture) {
  const TensorNames& names = architecture.names;
  const EmbeddingWeights& embeddings = weights.embeddings;
  Roles roles(architecture);
  roles.table(names.word_embeddings, embeddings.word);
  if (embeddings.position) roles.table(names.position_embeddings, *embeddings.position);
  if (embeddings.token_type) roles.table(names.token_type_embeddings, *embeddings.token_type);
  if (embeddings.norm) roles.norm(names.embeddings_norm, *embeddings.norm);
  if (embeddings.projection) roles.linear(names.embedding_projection, *embeddings.projection);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const std::string module = architecture.layer_module != nullptr ? architecture.layer_module(spec, index)
                                                                    : fmt::format("{}.{}", names.layers, index);
    add_layer(spec, architecture, weights.layers[i], module, roles);
  }
  if (weights.final_norm) roles.norm(names.final_norm, *weights.final_norm);
  if (weights.head_dense) roles.linear(names.head_dense, *weights.head_dense);
  if (weights.head_norm) roles.norm(names.head_norm, *weights.head_norm);
  roles.linear(names.classifier, weights.classifier);
  return roles.take();
}

std::vector<ExportedWeight> weights_by_name(const Model& model) {
  std::vector<ExportedWeight> all;
  const auto& unused = model.weights.unused;
  for (const std::string& name : model.checkpoint.names()) {
    const TensorView view = *model.checkpoint.find(name);
    constexpr std::string_view kScale = "_scale";
    const bool is_scale = name.ends_with(kScale) && model.checkpoint.find(name.substr(0, name.size() - kScale.size()));
    if (is_scale || std::ranges::find(unused, name) != unused.end()) continue;
    if (!is_floating(view.dtype) && view.dtype != DType::kI8) continue;  // position_ids
    ExportedWeight weight{.name = name, .shape = view.shape, .matrices = {}, .vectors = {}};
    if (weight.is_matrix()) {
      MatrixView matrix{view, view.dtype == DType::kI8 ? model.checkpoint.find(name + "_scale") : std::nullopt};
      if (model.checkpoint.is_transposed(name)) {
        matrix.transposed = true;
        matrix.row_count = view.shape[1];
        std::swap(weight.shape[0], weight.shape[1]);
      }
      weight.matrices = {std::move(matrix)};
    } else {
      weight.vectors = {{view}};
    }
    all.push_back(std::move(weight));
  }
  return all;
}

std::vector<std::byte> encode_values(std::span<const float> values, DType dtype) {
  std::vector<std::byte> bytes(size_bytes(dtype, values.size()));
  switch (dtype) {
    case DType::kF32:
      if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
      return bytes;
    case DType::kF16:
    case DType::kBF16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t half = dtype == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
        std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
      }
      return bytes;
    case DType::kQ8_0: {
      const BlockLayout block = block_layout(dtype);
      VALENCE_ASSERT(values.size() % block.elements == 0, "callers choose another type where rows are no whole blocks");
      for (std::size_t i = 0; i < values.size() / block.elements; ++i) {
        encode_q8_0(values.subspan(i * block.elements, block.elements), bytes.data() + i * block.bytes);
      }
      return bytes;
    }
    default:
      break;
  }
  VALENCE_ASSERT(false, "no format is written with other types");
}

bool is_like_bert(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  const HeadSpec& head = spec.head;
  const Biases& biases = encoder.biases;
  return encoder.has_plain_attention() && encoder.has_position_table && encoder.embedding_norm &&
         encoder.norm_placement == NormPlacement::kPost && encoder.norm_kind == NormKind::kLayerNorm &&
         !encoder.final_norm && !encoder.gated && biases.qkv && biases.attention_output && biases.ffn_in &&
         biases.ffn_out && biases.norm && head.pooling == Pooling::kFirst && head.has_dense && head.dense_bias &&
         !head.dense_norm && head.classifier_bias;
}

}  // namespace valence

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

class Roles {
 public:
  explicit Roles(std::vector<ExportedWeight>& out) : out_(out) {}

  void matrix(const std::string& module, const MatrixView& view) {
    add({module + ".weight", {view.rows(), view.columns()}, view, {}});
  }
  void vector(std::string name, const TensorView& view) { add({std::move(name), view.shape, {}, view}); }
  void linear(const std::string& module, const LinearWeights& weights) {
    matrix(module, weights.weight);
    if (weights.bias) vector(module + ".bias", *weights.bias);
  }
  void norm(const std::string& module, const LayerNormWeights& weights) {
    vector(module + ".weight", weights.weight);
    if (weights.bias) vector(module + ".bias", *weights.bias);
  }

 private:
  void add(ExportedWeight weight) {
    if (names_.insert(weight.name).second) out_.push_back(std::move(weight));
  }
  std::vector<ExportedWeight>& out_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<float> ExportedWeight::values() const {
  if (!is_matrix()) {
    std::vector<float> all(static_cast<std::size_t>(vector.elements()));
    copy_as_f32(vector, all);
    return all;
  }
  const auto columns = static_cast<std::size_t>(shape[1]);
  std::vector<float> all(static_cast<std::size_t>(shape[0]) * columns);
  if (matrix.transposed) {
    copy_transposed_rows_as_f32(matrix, 0, shape[0], all);
    return all;
  }
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    copy_row_as_f32(matrix, row, std::span(all).subspan(static_cast<std::size_t>(row) * columns, columns));
  }
  return all;
}

std::vector<ExportedWeight> weights_by_role(const Model& model, const Architecture& architecture) {
  const TensorNames& names = architecture.names;
  const EmbeddingWeights& embeddings = model.weights.embeddings;
  std::vector<ExportedWeight> all;
  Roles roles(all);
  roles.matrix(std::string(names.word_embeddings), embeddings.word);
  if (embeddings.position) roles.matrix(std::string(names.position_embeddings), *embeddings.position);
  if (embeddings.token_type) roles.matrix(std::string(names.token_type_embeddings), *embeddings.token_type);
  if (embeddings.norm) roles.norm(std::string(names.embeddings_norm), *embeddings.norm);
  if (embeddings.projection) roles.linear(std::string(names.embedding_projection), *embeddings.projection);
  for (std::size_t i = 0; i < model.weights.layers.size(); ++i) {
    const LayerWeights& layer = model.weights.layers[i];
    const auto index = static_cast<std::int64_t>(i);
    const std::string module = architecture.layer_module != nullptr ? architecture.layer_module(model.spec, index)
                                                                    : fmt::format("{}.{}", names.layers, index);
    const auto in_layer = [&](std::string_view name) { return fmt::format("{}.{}", module, name); };
    roles.linear(in_layer(names.query), layer.query);
    roles.linear(in_layer(names.key), layer.key);
    roles.linear(in_layer(names.value), layer.value);
    roles.linear(in_layer(names.attention_output), layer.attention_output);
    if (layer.attention_norm) roles.norm(in_layer(names.attention_norm), *layer.attention_norm);
    roles.linear(in_layer(names.intermediate), layer.intermediate);
    roles.linear(in_layer(names.output), layer.output);
    roles.norm(in_layer(names.output_norm), layer.output_norm);
  }
  if (model.weights.head_dense) roles.linear(std::string(names.head_dense), *model.weights.head_dense);
  roles.linear(std::string(names.classifier), model.weights.classifier);
  return all;
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
    ExportedWeight weight{name, view.shape, {}, {}};
    if (weight.is_matrix()) {
      weight.matrix = {view, view.dtype == DType::kI8 ? model.checkpoint.find(name + "_scale") : std::nullopt};
      if (model.checkpoint.is_transposed(name)) {
        weight.matrix.transposed = true;
        weight.matrix.row_count = view.shape[1];
        std::swap(weight.shape[0], weight.shape[1]);
      }
    } else {
      weight.vector = view;
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

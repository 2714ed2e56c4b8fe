#include "valence/model/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "valence/base/check.h"
#include "valence/base/json.h"
#include "valence/model/arch/registry.h"

namespace valence {
namespace {

/// An extent with the key of config.json that calls for it.
struct Extent {
  std::int64_t size;
  std::string_view key;
  std::string words = {};  ///< what the settings say, where `size` is computed from more than `key`
};

/// Finds tensors by name and checks them. Missing ones are gathered, so that one error can name them all; the first
/// one of another fault is kept in `fault`.
class Binder {
 public:
  Binder(const ModelSpec& spec, const Architecture& architecture, const Checkpoint& checkpoint)
      : spec_(spec),
        keys_(architecture.keys),
        names_(architecture.names),
        architecture_(architecture),
        settings_(architecture.settings),
        checkpoint_(checkpoint) {
    // A file saved from the bare encoder has the same names without the prefix.
    bare_ = !checkpoint.find(fmt::format("{}.weight", names_.word_embeddings)) &&
            checkpoint.find(fmt::format("{}.weight", names_.word_embeddings.substr(names_.base_prefix.size())));
  }

  Result<ModelWeights> bind();

 private:
  [[nodiscard]] std::string actual(std::string_view name) const {
    return std::string(bare_ && name.starts_with(names_.base_prefix) ? name.substr(names_.base_prefix.size()) : name);
  }
  [[nodiscard]] std::string layer_prefix() const { return actual(names_.layers) + "."; }
  [[nodiscard]] std::string classifier_name() const {
    return std::string(spec_.head.pooling == Pooling::kNone ? architecture_.token_classifier : names_.classifier);
  }

  EmbeddingWeights embeddings();
  LayerWeights layer(std::int64_t index);
  MatrixView matrix(const std::string& name, Extent rows, Extent columns);
  TensorView vector(const std::string& name, Extent size);
  LinearWeights linear(const std::string& name, Extent out_features, Extent in_features, bool has_bias);
  LinearWeights layer_linear(const std::string& name, Extent out_features, Extent in_features, bool has_bias);
  LayerNormWeights norm(const std::string& name, Extent width);
  void relative_embeddings(EmbeddingWeights& weights);
  ConvolutionWeights convolution();
  void attention(const std::string& prefix, LayerWeights& layer);
  void feed_forward(const std::string& prefix, LayerWeights& layer);
  std::optional<TensorView> claim(const std::string& name);
  std::optional<TensorView> row_scale(const std::string& name, const TensorView& values);
  void check_shape(const std::string& name, const TensorView& view, std::initializer_list<Extent> expected);

  [[nodiscard]] Extent hidden() const { return {spec_.encoder.hidden_size, keys_.hidden_size}; }
  void refuse(std::string what, std::string hint = {}) {
    if (!fault_) fault_ = Error(ErrorCode::kInvalidData, checkpoint_.source(), std::move(what), std::move(hint));
  }
  [[nodiscard]] Error missing_error() const;
  [[nodiscard]] Error untrained_head() const;
  Result<std::vector<std::string>> unused() const;

  const ModelSpec& spec_;
  const ConfigKeys& keys_;
  const TensorNames& names_;
  const Architecture& architecture_;
  const std::string_view settings_;  // where the keys stand
  const Checkpoint& checkpoint_;
  bool bare_ = false;
  std::set<std::string, std::less<>> claimed_;
  std::vector<std::string> missing_;
  std::optional<Error> fault_;
};

std::optional<TensorView> Binder::claim(const std::string& name) {
  auto view = checkpoint_.find(name);
  if (view) {
    claimed_.insert(name);
  } else {
    missing_.push_back(name);
  }
  return view;
}

void Binder::check_shape(const std::string& name, const TensorView& view, std::initializer_list<Extent> expected) {
  Shape shape;
  for (const auto& extent : expected) shape.push_back(extent.size);
  if (view.shape == shape) return;
  const auto* differs = expected.begin();
  if (view.shape.size() == shape.size()) {
    const auto at = std::ranges::mismatch(view.shape, shape).in1 - view.shape.begin();
    differs += at;
  }
  if (differs->key == "id2label" && !view.shape.empty()) {
    refuse(fmt::format("{} has {} labels but {} has {} rows", settings_, differs->size, name, view.shape[0]),
           fmt::format("make {} in {} name the labels that the classifier was trained with", keys_.labels, settings_));
    return;
  }
  const std::string says = !differs->words.empty()      ? differs->words
                           : differs->key == "id2label" ? fmt::format("{} labels", differs->size)
                                                        : fmt::format("{} {}", differs->key, differs->size);
  refuse(fmt::format("tensor {} has shape {}, expected {}: {} has {}", in_quotes(name), to_string(view.shape),
                     to_string(shape), settings_, says));
}

/// The scales of an I8 matrix. A scale beside another type would be silently ignored, so it is refused.
std::optional<TensorView> Binder::row_scale(const std::string& name, const TensorView& values) {
  const std::string scale_name = name + "_scale";
  auto scale = checkpoint_.find(scale_name);
  if (values.dtype != DType::kI8) {
    if (scale) {
      refuse(fmt::format("tensor {} scales the rows of an I8 matrix, but {} is {}", in_quotes(scale_name),
                         in_quotes(name), valence::name(values.dtype)));
    }
    return std::nullopt;
  }
  if (!scale) {
    refuse(fmt::format("tensor {} is I8, but its scales, {}, are missing", in_quotes(name), in_quotes(scale_name)));
    return std::nullopt;
  }
  claimed_.insert(scale_name);
  if (scale->dtype != DType::kF32 || scale->shape != Shape{values.shape[0]}) {
    refuse(fmt::format("tensor {} is {} {}, expected F32 [{}], one scale for each row of {}", in_quotes(scale_name),
                       valence::name(scale->dtype), to_string(scale->shape), values.shape[0], in_quotes(name)));
  }
  return scale;
}

MatrixView Binder::matrix(const std::string& name, Extent rows, Extent columns) {
  const auto values = claim(name);
  if (!values) return {};
  if (!is_floating(values->dtype) && values->dtype != DType::kI8) {
    refuse(
        fmt::format("tensor {} is {}, expected F32, F16, BF16 or I8", in_quotes(name), valence::name(values->dtype)));
  }
  check_shape(name, *values, {rows, columns});
  if (fault_) return {};
  return {*values, row_scale(name, *values)};
}

TensorView Binder::vector(const std::string& name, Extent size) {
  const auto values = claim(name);
  if (!values) return {};
  if (!is_floating(values->dtype)) {
    refuse(fmt::format("tensor {} is {}, expected F32, F16 or BF16", in_quotes(name), valence::name(values->dtype)));
  }
  check_shape(name, *values, {size});
  return *values;
}

LinearWeights Binder::linear(const std::string& name, Extent out_features, Extent in_features, bool has_bias) {
  LinearWeights weights{matrix(name + ".weight", out_features, in_features), std::nullopt};
  if (has_bias) weights.bias = vector(name + ".bias", out_features);
  return weights;
}

/// The same within a layer, where an architecture may store them the other way round.
LinearWeights Binder::layer_linear(const std::string& name, Extent out_features, Extent in_features, bool has_bias) {
  if (!architecture_.transposed_linears && !checkpoint_.is_transposed(name + ".weight")) {
    return linear(name, out_features, in_features, has_bias);
  }
  LinearWeights weights{matrix(name + ".weight", in_features, out_features), std::nullopt};
  weights.weight.transposed = true;
  weights.weight.row_count = out_features.size;
  if (weights.weight.row_scale) {
    refuse(fmt::format("tensor {} is I8 and stored [inputs, outputs]: its scales would be those of inputs",
                       in_quotes(name + ".weight")));
  }
  if (has_bias) weights.bias = vector(name + ".bias", out_features);
  return weights;
}

LayerNormWeights Binder::norm(const std::string& name, Extent width) {
  LayerNormWeights weights;
  const bool has_bias = spec_.encoder.biases.norm;
  // Checkpoints converted from TensorFlow say gamma and beta; transformers still reads them.
  if (!checkpoint_.find(name + ".weight") && checkpoint_.find(name + ".gamma")) {
    weights.weight = vector(name + ".gamma", width);
    if (has_bias) weights.bias = vector(name + ".beta", width);
    return weights;
  }
  weights.weight = vector(name + ".weight", width);
  if (has_bias) weights.bias = vector(name + ".bias", width);
  return weights;
}

void Binder::relative_embeddings(EmbeddingWeights& weights) {
  const RelativePositions& relative = spec_.encoder.relative;
  if (relative.kind == RelativePositions::Kind::kNone) return;
  const bool bias = relative.kind == RelativePositions::Kind::kBias;
  const Extent columns = bias ? Extent{spec_.encoder.num_attention_heads, keys_.num_attention_heads} : hidden();
  weights.relative =
      matrix(actual(names_.relative_embeddings) + ".weight",
             bias ? Extent{relative.buckets, "relative_attention_num_buckets"}
                  : Extent{relative.table_rows(), "position_buckets",
                           fmt::format("relative positions of up to {} either way", relative.table_rows() / 2)},
             columns);
  if (relative.normalised) weights.relative_norm = norm(actual(names_.relative_norm), hidden());
}

ConvolutionWeights Binder::convolution() {
  const std::string name = actual(names_.convolution);
  ConvolutionWeights weights;
  if (const auto kernel = claim(name + ".weight")) {
    if (!is_floating(kernel->dtype) || has_blocks(kernel->dtype)) {
      refuse(fmt::format("tensor {} is {}, expected F32, F16 or BF16", in_quotes(name + ".weight"),
                         valence::name(kernel->dtype)));
    }
    check_shape(name + ".weight", *kernel, {hidden(), hidden(), {spec_.encoder.convolution_width, "conv_kernel_size"}});
    weights.weight = *kernel;
  }
  weights.bias = vector(name + ".bias", hidden());
  weights.norm = norm(actual(names_.convolution_norm), hidden());
  return weights;
}

EmbeddingWeights Binder::embeddings() {
  const EncoderSpec& encoder = spec_.encoder;
  const Extent width = encoder.embedding_size > 0 ? Extent{encoder.embedding_size, "embedding_size"} : hidden();
  const auto table = [&](std::string_view name, Extent rows) { return matrix(actual(name) + ".weight", rows, width); };
  EmbeddingWeights weights;
  weights.word = table(names_.word_embeddings, {encoder.vocab_size, keys_.vocab_size});
  if (encoder.has_position_table) {
    weights.position =
        table(names_.position_embeddings, {encoder.max_position_embeddings, keys_.max_position_embeddings});
  }
  if (encoder.type_vocab_size > 0) {
    weights.token_type = table(names_.token_type_embeddings, {encoder.type_vocab_size, keys_.type_vocab_size});
  }
  if (encoder.embedding_norm) weights.norm = norm(actual(names_.embeddings_norm), width);
  if (encoder.embedding_size > 0) {
    weights.projection = linear(actual(names_.embedding_projection), hidden(), width, true);
  }
  relative_embeddings(weights);
  return weights;
}

/// Some rows of a linear layer that holds several, one below another.
LinearWeights rows_of(const LinearWeights& stacked, std::int64_t begin, std::int64_t rows) {
  LinearWeights part = stacked;
  MatrixView& weight = part.weight;
  if (weight.transposed) {
    weight.first_row += begin;
    weight.row_count = rows;
  } else if (!weight.values.shape.empty()) {
    weight.values = valence::rows_of(weight.values, begin, rows);
    if (weight.row_scale) weight.row_scale = valence::rows_of(*weight.row_scale, begin, rows);
  }
  if (part.bias && !part.bias->shape.empty()) part.bias = valence::rows_of(*part.bias, begin, rows);
  return part;
}

void Binder::attention(const std::string& prefix, LayerWeights& layer) {
  const EncoderSpec& encoder = spec_.encoder;
  const Biases& biases = encoder.biases;
  const auto in_layer = [&](std::string_view name) { return prefix + std::string(name); };
  const auto heads = [&](std::int64_t size, std::string_view key, std::int64_t count) {
    return Extent{size, key, fmt::format("{} {} of {} dimensions each", key, count, encoder.head_size())};
  };
  const Extent queries = heads(encoder.query_size(), keys_.num_attention_heads, encoder.num_attention_heads);
  const Extent keys = heads(encoder.key_value_size(), "num_key_value_heads", encoder.key_value_heads());
  if (names_.qkv.empty()) {
    layer.query = layer_linear(in_layer(names_.query), queries, hidden(), biases.qkv);
    layer.key = layer_linear(in_layer(names_.key), keys, hidden(), biases.qkv);
    layer.value = layer_linear(in_layer(names_.value), keys, hidden(), biases.qkv);
  } else {
    const Extent all{queries.size + 2 * keys.size, keys_.num_attention_heads, queries.words};
    const LinearWeights stacked = layer_linear(in_layer(names_.qkv), all, hidden(), biases.qkv);
    if (fault_ || !missing_.empty()) return;
    layer.query = rows_of(stacked, 0, queries.size);
    layer.key = rows_of(stacked, queries.size, keys.size);
    layer.value = rows_of(stacked, queries.size + keys.size, keys.size);
  }
  if (architecture_.interleaved_rotary) {
    layer.query.weight.interleaved_head = encoder.head_size();
    layer.key.weight.interleaved_head = encoder.head_size();
  }
  if (encoder.head_norms) {
    const Extent head{encoder.head_size(), "head_dim"};
    layer.query_norm = norm(in_layer(names_.query_norm), head);
    layer.key_norm = norm(in_layer(names_.key_norm), head);
  }
  const RelativePositions& relative = encoder.relative;
  if (relative.kind == RelativePositions::Kind::kDisentangled && !relative.shares_projections) {
    if (relative.content_to_position) {
      layer.position_key = layer_linear(in_layer(names_.position_key), queries, hidden(), true);
    }
    if (relative.position_to_content) {
      layer.position_query = layer_linear(in_layer(names_.position_query), queries, hidden(), true);
    }
  }
  layer.attention_output = layer_linear(in_layer(names_.attention_output), hidden(), queries, biases.attention_output);
}

void Binder::feed_forward(const std::string& prefix, LayerWeights& layer) {
  const Biases& biases = spec_.encoder.biases;
  const auto in_layer = [&](std::string_view name) { return prefix + std::string(name); };
  const Extent width{spec_.encoder.intermediate_size, keys_.intermediate_size};
  if (spec_.encoder.gated && !names_.gate_intermediate.empty()) {
    const Extent both{2 * width.size, keys_.intermediate_size,
                      fmt::format("twice {} {}", keys_.intermediate_size, width.size)};
    const LinearWeights stacked = layer_linear(in_layer(names_.gate_intermediate), both, hidden(), biases.ffn_in);
    if (fault_ || !missing_.empty()) return;
    layer.gate = rows_of(stacked, 0, width.size);
    layer.intermediate = rows_of(stacked, width.size, width.size);
  } else {
    if (spec_.encoder.gated) layer.gate = layer_linear(in_layer(names_.gate), width, hidden(), biases.ffn_in);
    layer.intermediate = layer_linear(in_layer(names_.intermediate), width, hidden(), biases.ffn_in);
  }
  layer.output = layer_linear(in_layer(names_.output), hidden(), width, biases.ffn_out);
}

LayerWeights Binder::layer(std::int64_t index) {
  const std::string prefix = architecture_.layer_module != nullptr
                                 ? actual(architecture_.layer_module(spec_, index)) + "."
                                 : fmt::format("{}{}.", layer_prefix(), index);
  const EncoderSpec& encoder = spec_.encoder;
  LayerWeights layer;
  attention(prefix, layer);
  if (encoder.norm_placement == NormPlacement::kPost || index > 0 || encoder.first_attention_norm) {
    layer.attention_norm = norm(prefix + std::string(names_.attention_norm), hidden());
  }
  feed_forward(prefix, layer);
  layer.output_norm = norm(prefix + std::string(names_.output_norm), hidden());
  return layer;
}

/// What the error says when the encoder is whole but its head is not: a checkpoint that nobody trained to classify.
Error Binder::untrained_head() const {
  const std::string saved_by = spec_.saved_by.empty() ? "" : fmt::format(" (it was saved by {})", spec_.saved_by);
  const std::string classifier = fmt::format("{}.weight", classifier_name());
  if (std::ranges::find(missing_, classifier) != missing_.end()) {
    return {ErrorCode::kInvalidData, checkpoint_.source(),
            fmt::format("has no trained classification head{}: {} is missing", saved_by, classifier),
            "fine-tune it for classification first, or choose a checkpoint that was"};
  }
  return {ErrorCode::kInvalidData, checkpoint_.source(),
          fmt::format("has only a part of its classification head{}, missing: {}; a sequence classifier has it between "
                      "encoder and {}",
                      saved_by, fmt::join(missing_, ", "), names_.classifier),
          "choose a checkpoint that was trained for sequence classification"};
}

Error Binder::missing_error() const {
  const auto of_head = [&](const std::string& name) {
    const auto is_in = [&](const std::string& module) { return !module.empty() && name.starts_with(module + "."); };
    return is_in(actual(names_.head_dense)) || is_in(actual(names_.head_norm)) || is_in(classifier_name());
  };
  if (std::ranges::all_of(missing_, of_head)) return untrained_head();
  constexpr std::size_t kShown = 10;
  const std::size_t shown = std::min(kShown, missing_.size());
  std::string list = fmt::format("{}", fmt::join(missing_.begin(), missing_.begin() + shown, ", "));
  if (missing_.size() > shown) list += fmt::format(" and {} more", missing_.size() - shown);
  return {ErrorCode::kInvalidData, checkpoint_.source(),
          fmt::format("{} tensor{} of a {} classifier missing: {}", missing_.size(), missing_.size() == 1 ? "" : "s",
                      spec_.model_type, list)};
}

/// Buffers that some versions of transformers save: they hold 0, 1, 2, ... and nothing that was learned.
bool is_harmless_buffer(std::string_view name) { return name == "position_ids" || name.ends_with(".position_ids"); }

Result<std::vector<std::string>> Binder::unused() const {
  std::vector<std::string> unused;
  const std::string layers = layer_prefix();
  for (auto& name : checkpoint_.names()) {
    if (claimed_.contains(name) || is_harmless_buffer(name)) continue;
    std::int64_t index = 0;
    if (name.starts_with(layers) &&
        std::from_chars(name.data() + layers.size(), name.data() + name.size(), index).ec == std::errc() &&
        index >= spec_.encoder.num_hidden_layers) {
      return fail(ErrorCode::kInvalidData, checkpoint_.source(),
                  fmt::format("tensor {} belongs to layer {}, but {} has {} {}: layers count from 0", in_quotes(name),
                              index, settings_, keys_.num_hidden_layers, spec_.encoder.num_hidden_layers));
    }
    unused.push_back(std::move(name));
  }
  return unused;
}

Result<ModelWeights> Binder::bind() {
  ModelWeights weights;
  weights.embeddings = embeddings();
  for (std::int64_t i = 0; i < spec_.encoder.num_hidden_layers; ++i) weights.layers.push_back(layer(i));
  if (spec_.encoder.convolution_width > 0) weights.convolution = convolution();
  if (spec_.encoder.final_norm) weights.final_norm = norm(actual(names_.final_norm), hidden());
  const HeadSpec& head = spec_.head;
  if (head.has_dense) weights.head_dense = linear(actual(names_.head_dense), hidden(), hidden(), head.dense_bias);
  if (head.has_dense && head.dense_norm) weights.head_norm = norm(actual(names_.head_norm), hidden());
  weights.classifier = linear(classifier_name(), {head.num_labels(), "id2label"}, hidden(), head.classifier_bias);
  if (!missing_.empty()) return fail(missing_error());
  if (fault_) return fail(*fault_);
  VALENCE_TRY(weights.unused, unused());
  return weights;
}

}  // namespace

void copy_row_as_f32(const MatrixView& matrix, std::int64_t row, std::span<float> out) {
  if (matrix.transposed) {
    copy_transposed_rows_as_f32(matrix, row, 1, out);
    return;
  }
  const std::int64_t stored = matrix.stored_row(row);
  TensorView one_row = valence::rows_of(matrix.values, stored, 1);
  one_row.shape = {matrix.columns()};
  copy_as_f32(one_row, out);
  if (!matrix.row_scale) return;
  float scale = 0;
  std::memcpy(&scale, matrix.row_scale->bytes.data() + static_cast<std::size_t>(stored) * sizeof scale, sizeof scale);
  for (float& value : out) value *= scale;
}

void copy_transposed_rows_as_f32(const MatrixView& matrix, std::int64_t first, std::int64_t count,
                                 std::span<float> out) {
  const auto columns = static_cast<std::size_t>(matrix.columns());
  const auto stored = static_cast<std::size_t>(matrix.values.shape[1]);
  const auto rows = static_cast<std::size_t>(count);
  const std::size_t at = static_cast<std::size_t>(matrix.first_row + first);
  std::vector<float> piece(rows);
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t begin = size_bytes(matrix.values.dtype, column * stored + at);
    copy_as_f32(
        {matrix.values.dtype, {count}, matrix.values.bytes.subspan(begin, size_bytes(matrix.values.dtype, rows))},
        piece);
    for (std::size_t row = 0; row < rows; ++row) out[row * columns + column] = piece[row];
  }
}

std::vector<const LinearWeights*> linear_weights(const LayerWeights& layer) {
  std::vector<const LinearWeights*> all = {&layer.query,        &layer.key,   &layer.value, &layer.attention_output,
                                           &layer.intermediate, &layer.output};
  if (layer.gate) all.push_back(&*layer.gate);
  return all;
}

bool share_parameters(const LayerWeights& a, const LayerWeights& b) {
  const auto place = [](const LinearWeights& linear) { return linear.weight.values.bytes.data(); };
  return place(a.output) == place(b.output);
}

Result<ModelWeights> bind_weights(const ModelSpec& spec, const Checkpoint& checkpoint) {
  const Architecture* architecture = find_architecture(spec.model_type);
  VALENCE_ASSERT(architecture != nullptr, "parse_config takes no other model_type");
  return bind_weights(spec, *architecture, checkpoint);
}

Result<ModelWeights> bind_weights(const ModelSpec& spec, const Architecture& architecture,
                                  const Checkpoint& checkpoint) {
  return Binder(spec, architecture, checkpoint).bind();
}

}  // namespace valence

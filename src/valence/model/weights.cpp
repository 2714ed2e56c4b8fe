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
};

/// Finds tensors by name and checks them. Missing ones are gathered, so that one error can name them all; the first
/// one of another fault is kept in `fault`.
class Binder {
 public:
  Binder(const ModelSpec& spec, const Architecture& architecture, const Checkpoint& checkpoint)
      : spec_(spec),
        keys_(architecture.keys),
        names_(architecture.names),
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

  EmbeddingWeights embeddings();
  LayerWeights layer(std::int64_t index);
  MatrixView matrix(const std::string& name, Extent rows, Extent columns);
  TensorView vector(const std::string& name, Extent size);
  LinearWeights linear(const std::string& name, Extent out_features, Extent in_features);
  LayerNormWeights layer_norm(const std::string& name);
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
  const std::string says = differs->key == "id2label" ? fmt::format("{} labels", differs->size)
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

LinearWeights Binder::linear(const std::string& name, Extent out_features, Extent in_features) {
  return {matrix(name + ".weight", out_features, in_features), vector(name + ".bias", out_features)};
}

LayerNormWeights Binder::layer_norm(const std::string& name) {
  // Checkpoints converted from TensorFlow say gamma and beta; transformers still reads them.
  if (!checkpoint_.find(name + ".weight") && checkpoint_.find(name + ".gamma")) {
    return {vector(name + ".gamma", hidden()), vector(name + ".beta", hidden())};
  }
  return {vector(name + ".weight", hidden()), vector(name + ".bias", hidden())};
}

EmbeddingWeights Binder::embeddings() {
  const EncoderSpec& encoder = spec_.encoder;
  const auto table = [&](std::string_view name, Extent rows) {
    return matrix(actual(name) + ".weight", rows, hidden());
  };
  EmbeddingWeights weights;
  weights.word = table(names_.word_embeddings, {encoder.vocab_size, keys_.vocab_size});
  weights.position =
      table(names_.position_embeddings, {encoder.max_position_embeddings, keys_.max_position_embeddings});
  if (!names_.token_type_embeddings.empty()) {
    weights.token_type = table(names_.token_type_embeddings, {encoder.type_vocab_size, keys_.type_vocab_size});
  }
  weights.norm = layer_norm(actual(names_.embeddings_norm));
  return weights;
}

LayerWeights Binder::layer(std::int64_t index) {
  const std::string prefix = fmt::format("{}{}.", layer_prefix(), index);
  const auto in_layer = [&](std::string_view name) { return prefix + std::string(name); };
  const Extent intermediate{spec_.encoder.intermediate_size, keys_.intermediate_size};
  return {
      .query = linear(in_layer(names_.query), hidden(), hidden()),
      .key = linear(in_layer(names_.key), hidden(), hidden()),
      .value = linear(in_layer(names_.value), hidden(), hidden()),
      .attention_output = linear(in_layer(names_.attention_output), hidden(), hidden()),
      .attention_norm = layer_norm(in_layer(names_.attention_norm)),
      .intermediate = linear(in_layer(names_.intermediate), intermediate, hidden()),
      .output = linear(in_layer(names_.output), hidden(), intermediate),
      .output_norm = layer_norm(in_layer(names_.output_norm)),
  };
}

/// What the error says when the encoder is whole but its head is not: a checkpoint that nobody trained to classify.
Error Binder::untrained_head() const {
  const std::string saved_by = spec_.saved_by.empty() ? "" : fmt::format(" (it was saved by {})", spec_.saved_by);
  const std::string classifier = fmt::format("{}.weight", names_.classifier);
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
    return name.starts_with(actual(names_.head_dense)) || name.starts_with(names_.classifier);
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
  weights.head_dense = linear(actual(names_.head_dense), hidden(), hidden());
  weights.classifier = linear(std::string(names_.classifier), {spec_.head.num_labels(), "id2label"}, hidden());
  if (!missing_.empty()) return fail(missing_error());
  if (fault_) return fail(*fault_);
  VALENCE_TRY(weights.unused, unused());
  return weights;
}

}  // namespace

void copy_row_as_f32(const MatrixView& matrix, std::int64_t row, std::span<float> out) {
  const auto row_bytes = size_bytes(matrix.values.dtype, static_cast<std::size_t>(matrix.columns()));
  const TensorView one_row{matrix.values.dtype,
                           {matrix.columns()},
                           matrix.values.bytes.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes)};
  copy_as_f32(one_row, out);
  if (!matrix.row_scale) return;
  float scale = 0;
  std::memcpy(&scale, matrix.row_scale->bytes.data() + static_cast<std::size_t>(row) * sizeof scale, sizeof scale);
  for (float& value : out) value *= scale;
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

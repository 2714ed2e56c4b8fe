#include "valence/model/onnx/encoder_graph.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "valence/model/onnx/attention_graph.h"
#include "valence/model/onnx/graph_weights.h"
#include "valence/model/onnx/graph_writer.h"

namespace valence::onnx {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
constexpr auto kInt64 = static_cast<std::int64_t>(OnnxType::kInt64);

class EncoderGraph {
 public:
  EncoderGraph(const ModelSpec& spec, const Architecture& architecture, const ModelWeights* weights,
               OnnxWeightType type)
      : spec_(spec),
        architecture_(architecture),
        names_(architecture.names),
        weights_(weights),
        parameters_(graph_, type),
        attention_(graph_, parameters_, spec, architecture, weights) {}

  void write();
  [[nodiscard]] bool is_too_large() const { return graph_.is_too_large(); }
  [[nodiscard]] std::size_t tensor_bytes() const { return graph_.tensor_bytes(); }
  [[nodiscard]] std::string message() const;

 private:
  std::string positions();
  std::string embeddings();
  std::string layer(std::int64_t index, const std::string& input);
  std::string feed_forward(std::int64_t index, const std::string& module, const std::string& input);
  std::string norm(std::string_view module, std::int64_t width, const LayerNormWeights* weights,
                   const std::string& input, const std::string& path);
  std::string activation(const std::string& path, Activation kind, const std::string& input);
  std::string pooled(const std::string& hidden);
  void head(const std::string& hidden);
  std::string axis(std::int64_t value) { return graph_.integers("axis_" + std::to_string(value), {value}); }

  template <class Weights>
  [[nodiscard]] static const Weights* if_there(const std::optional<Weights>& weights) {
    return weights ? &*weights : nullptr;
  }
  [[nodiscard]] static std::vector<const LinearWeights*> one(const LinearWeights* weights) {
    return weights == nullptr ? std::vector<const LinearWeights*>{} : std::vector<const LinearWeights*>{weights};
  }

  const ModelSpec& spec_;
  const Architecture& architecture_;
  const TensorNames& names_;
  const ModelWeights* weights_;
  GraphWriter graph_;
  GraphWeights parameters_;
  AttentionGraph attention_;
};

std::string EncoderGraph::norm(std::string_view module, std::int64_t width, const LayerNormWeights* weights,
                               const std::string& input, const std::string& path) {
  const EncoderSpec& encoder = spec_.encoder;
  return parameters_.norm(
      {std::string(module), width, encoder.norm_kind, encoder.layer_norm_eps, encoder.biases.norm, weights}, input,
      path);
}

std::string EncoderGraph::activation(const std::string& path, Activation kind, const std::string& input) {
  const auto constant = [&](const char* name, double value) { return graph_.scalar(name, static_cast<float>(value)); };
  switch (kind) {
    case Activation::kTanh:
      return graph_.node("Tanh", path + "/Tanh", {input});
    case Activation::kRelu:
      return graph_.node("Relu", path + "/Relu", {input});
    case Activation::kSilu:
      return graph_.node("Mul", path + "/Mul", {input, graph_.node("Sigmoid", path + "/Sigmoid", {input})});
    case Activation::kGelu: {
      const std::string scaled = graph_.node("Div", path + "/Div", {input, constant("sqrt_2", std::numbers::sqrt2)});
      const std::string erf = graph_.node("Erf", path + "/Erf", {scaled});
      const std::string sum = graph_.node("Add", path + "/Add", {erf, constant("one", 1)});
      const std::string product = graph_.node("Mul", path + "/Mul", {input, sum});
      return graph_.node("Mul", path + "/Mul_1", {product, constant("half", 0.5)});
    }
    case Activation::kGeluTanh: {
      const std::string cube = graph_.node("Pow", path + "/Pow", {input, constant("three", 3)});
      const std::string cubic = graph_.node("Mul", path + "/Mul", {cube, constant("gelu_cubic", 0.044715)});
      const std::string sum = graph_.node("Add", path + "/Add", {input, cubic});
      const std::string scaled =
          graph_.node("Mul", path + "/Mul_1", {sum, constant("sqrt_2_over_pi", std::sqrt(2 / std::numbers::pi))});
      const std::string shifted =
          graph_.node("Add", path + "/Add_1", {graph_.node("Tanh", path + "/Tanh", {scaled}), constant("one", 1)});
      const std::string halved = graph_.node("Mul", path + "/Mul_2", {input, constant("half", 0.5)});
      return graph_.node("Mul", path + "/Mul_3", {halved, shifted});
    }
    case Activation::kNone:
      break;
  }
  return input;
}

/// Position ids: [1, tokens], or [batch, tokens] counted past padding as RoBERTa does.
std::string EncoderGraph::positions() {
  const EncoderSpec& encoder = spec_.encoder;
  if (encoder.first_position == 0) {
    return graph_.node("Unsqueeze", "/positions/Unsqueeze", {attention_.token_range(), axis(0)});
  }
  const std::string id = graph_.scalar("padding_id", std::int64_t{encoder.padding_id});
  const std::string padding = graph_.node("Equal", "/positions/Equal", {"input_ids", id});
  const std::string counted =
      graph_.node("Cast", "/positions/Cast", {graph_.node("Not", "/positions/Not", {padding})}, {{"to", kInt64}});
  const std::string sum =
      graph_.node("CumSum", "/positions/CumSum", {counted, graph_.scalar("one_integer", std::int64_t{1})});
  const std::string kept = graph_.node("Mul", "/positions/Mul", {sum, counted});
  return graph_.node("Add", "/positions/Add", {kept, graph_.scalar("before_first", encoder.first_position - 1)});
}

std::string EncoderGraph::embeddings() {
  const EncoderSpec& encoder = spec_.encoder;
  const EmbeddingWeights* const weights = weights_ == nullptr ? nullptr : &weights_->embeddings;
  const std::int64_t width = encoder.table_width();
  const auto rows = [&](std::string_view name, std::int64_t count, const MatrixView* matrix,
                        const std::string& indices) {
    return parameters_.rows_of({std::string(name), count, width, matrix}, indices);
  };
  std::string sum =
      rows(names_.word_embeddings, encoder.vocab_size, weights == nullptr ? nullptr : &weights->word, "input_ids");
  if (encoder.type_vocab_size > 0) {
    const std::string types = rows(names_.token_type_embeddings, encoder.type_vocab_size,
                                   weights == nullptr ? nullptr : if_there(weights->token_type), "token_type_ids");
    sum = graph_.node("Add", "/embeddings/Add", {sum, types});
  }
  if (encoder.has_position_table) {
    const std::string places = rows(names_.position_embeddings, encoder.max_position_embeddings,
                                    weights == nullptr ? nullptr : if_there(weights->position), positions());
    sum = graph_.node("Add", "/embeddings/Add_1", {sum, places});
  }
  if (encoder.embedding_norm) {
    sum = norm(names_.embeddings_norm, width, weights == nullptr ? nullptr : if_there(weights->norm), sum,
               node_path(names_.embeddings_norm));
  }
  if (encoder.embedding_size == 0) return sum;
  return parameters_.linear({std::string(names_.embedding_projection), width, encoder.hidden_size, true,
                             one(weights == nullptr ? nullptr : if_there(weights->projection))},
                            sum);
}

std::string EncoderGraph::feed_forward(std::int64_t index, const std::string& module, const std::string& input) {
  const EncoderSpec& encoder = spec_.encoder;
  const LayerWeights* const weights =
      weights_ == nullptr ? nullptr : &weights_->layers[static_cast<std::size_t>(index)];
  const std::int64_t width = encoder.intermediate_size;
  const std::string path = fmt::format("{}/feed_forward.{}", node_path(module), index);
  const auto in_layer = [&](std::string_view name) { return fmt::format("{}.{}", module, name); };
  const auto widen = [&](std::string_view name, std::int64_t size, std::vector<const LinearWeights*> own) {
    return parameters_.linear({in_layer(name), encoder.hidden_size, size, encoder.biases.ffn_in, std::move(own)},
                              input);
  };
  std::string activated;
  if (!encoder.gated) {
    const std::string wide =
        widen(names_.intermediate, width, one(weights == nullptr ? nullptr : &weights->intermediate));
    activated = activation(path, encoder.hidden_act, wide);
  } else {
    std::string gate;
    std::string up;
    if (names_.gate_intermediate.empty()) {
      gate = widen(names_.gate, width, one(weights == nullptr ? nullptr : if_there(weights->gate)));
      up = widen(names_.intermediate, width, one(weights == nullptr ? nullptr : &weights->intermediate));
    } else {
      std::vector<const LinearWeights*> stacked;
      if (weights != nullptr) stacked = {&*weights->gate, &weights->intermediate};
      const std::string both = widen(names_.gate_intermediate, 2 * width, std::move(stacked));
      gate = graph_.node("Slice", path + "/Slice", {both, axis(0), axis(width), axis(2)});
      up = graph_.node("Slice", path + "/Slice_1", {both, axis(width), axis(2 * width), axis(2)});
    }
    activated = graph_.node("Mul", path + "/gated/Mul", {activation(path, encoder.hidden_act, gate), up});
  }
  return parameters_.linear({in_layer(names_.output), width, encoder.hidden_size, encoder.biases.ffn_out,
                             one(weights == nullptr ? nullptr : &weights->output)},
                            activated);
}

std::string EncoderGraph::layer(std::int64_t index, const std::string& input) {
  const EncoderSpec& encoder = spec_.encoder;
  const std::string module = architecture_.layer_module != nullptr ? architecture_.layer_module(spec_, index)
                                                                   : fmt::format("{}.{}", names_.layers, index);
  const LayerWeights* const weights =
      weights_ == nullptr ? nullptr : &weights_->layers[static_cast<std::size_t>(index)];
  const std::string path = fmt::format("{}/layer.{}", node_path(module), index);
  const bool normalises_first = encoder.norm_placement == NormPlacement::kPre;
  const auto normalised = [&](std::string_view name, const LayerNormWeights* own, const std::string& states) {
    return norm(fmt::format("{}.{}", module, name), encoder.hidden_size, own, states, fmt::format("{}/{}", path, name));
  };
  const auto attention_norm = [&](const std::string& states) {
    return normalised(names_.attention_norm, weights == nullptr ? nullptr : if_there(weights->attention_norm), states);
  };
  const auto output_norm = [&](const std::string& states) {
    return normalised(names_.output_norm, weights == nullptr ? nullptr : &weights->output_norm, states);
  };
  const bool reads_normalised = normalises_first && (index > 0 || encoder.first_attention_norm);
  const std::string attended = attention_.block(index, module, reads_normalised ? attention_norm(input) : input);
  std::string middle = graph_.node("Add", path + "/attention/Add", {attended, input});
  if (!normalises_first) middle = attention_norm(middle);
  const std::string fed = feed_forward(index, module, normalises_first ? output_norm(middle) : middle);
  const std::string sum = graph_.node("Add", path + "/feed_forward/Add", {fed, middle});
  return normalises_first ? sum : output_norm(sum);
}

/// What the head reads: [batch, hidden], or [batch, tokens, hidden].
std::string EncoderGraph::pooled(const std::string& hidden) {
  switch (spec_.head.pooling) {
    case Pooling::kNone:
      return hidden;
    case Pooling::kFirst:
      return graph_.node("Gather", "/head/Gather", {hidden, graph_.scalar("zero", std::int64_t{0})},
                         {{"axis", std::int64_t{1}}});
    case Pooling::kMean: {
      const std::string mask = graph_.node("Cast", "/head/Cast", {"attention_mask"}, {{"to", kFloat}});
      const std::string column = graph_.node("Unsqueeze", "/head/Unsqueeze", {mask, axis(-1)});
      const auto sum = [&](const char* name, const std::string& of) {
        return graph_.node("ReduceSum", name, {of, axis(1)}, {{"keepdims", std::int64_t{0}}});
      };
      const std::string states = sum("/head/ReduceSum", graph_.node("Mul", "/head/Mul", {hidden, column}));
      return graph_.node("Div", "/head/Div", {states, sum("/head/ReduceSum_1", column)});
    }
    case Pooling::kLast:
      break;
  }
  // The row of the last token: [batch, 1, hidden] taken along the tokens, then without that axis.
  const std::string mask = graph_.node("Cast", "/head/Cast", {"attention_mask"}, {{"to", kInt64}});
  const std::string places = graph_.node("Mul", "/head/Mul", {mask, attention_.token_range()});
  const std::string last = graph_.node("ReduceMax", "/head/ReduceMax", {places},
                                       {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{0}}});
  const std::string column = graph_.node("Unsqueeze", "/head/Unsqueeze", {last, axis(-1)});
  const std::string texts = graph_.node("Shape", "/head/Shape", {last});
  const std::string text =
      graph_.node("Range", "/head/Range",
                  {graph_.scalar("zero", std::int64_t{0}), graph_.node("Squeeze", "/head/Squeeze", {texts, axis(0)}),
                   graph_.scalar("one_integer", std::int64_t{1})});
  const std::string pairs =
      graph_.node("Concat", "/head/Concat", {graph_.node("Unsqueeze", "/head/Unsqueeze_1", {text, axis(-1)}), column},
                  {{"axis", std::int64_t{1}}});
  return graph_.node("GatherND", "/head/GatherND", {hidden, pairs});
}

void EncoderGraph::head(const std::string& hidden) {
  const HeadSpec& head = spec_.head;
  const std::int64_t width = spec_.encoder.hidden_size;
  std::string states = pooled(hidden);
  if (head.has_dense) {
    states = parameters_.f32_linear({std::string(names_.head_dense), width, width, head.dense_bias,
                                     one(weights_ == nullptr ? nullptr : if_there(weights_->head_dense))},
                                    states);
    states = activation("/head/activation", head.dense_act, states);
    if (head.dense_norm) {
      states = norm(names_.head_norm, width, weights_ == nullptr ? nullptr : if_there(weights_->head_norm), states,
                    node_path(names_.head_norm));
    }
  }
  const std::string_view classifier =
      head.pooling == Pooling::kNone ? architecture_.token_classifier : names_.classifier;
  parameters_.f32_linear({std::string(classifier), width, head.num_labels(), head.classifier_bias,
                          one(weights_ == nullptr ? nullptr : &weights_->classifier)},
                         states, "logits");
}

void EncoderGraph::write() {
  std::string hidden = embeddings();
  for (std::int64_t i = 0; i < spec_.encoder.num_hidden_layers; ++i) hidden = layer(i, hidden);
  if (spec_.encoder.final_norm) {
    hidden = norm(names_.final_norm, spec_.encoder.hidden_size,
                  weights_ == nullptr ? nullptr : if_there(weights_->final_norm), hidden, node_path(names_.final_norm));
  }
  head(hidden);
}

std::string EncoderGraph::message() const {
  std::vector<GraphPort> inputs;
  for (const std::string_view name : {"input_ids", "attention_mask", "token_type_ids"}) {
    if (name == "token_type_ids" && spec_.encoder.type_vocab_size == 0) continue;
    inputs.push_back({name, OnnxType::kInt64, {"batch_size", "sequence_length"}});
  }
  GraphPort logits{"logits", OnnxType::kFloat, {"batch_size"}};
  if (spec_.head.pooling == Pooling::kNone) logits.extents.emplace_back("sequence_length");
  logits.extents.emplace_back(spec_.head.num_labels());
  return graph_.message(inputs, logits);
}

}  // namespace

Result<std::string> encoder_graph(const ModelSpec& spec, const Architecture& architecture, const ModelWeights* weights,
                                  OnnxWeightType type, const std::string& source) {
  if (spec.encoder.convolution_width > 0) {
    return fail(ErrorCode::kUnsupported, source,
                fmt::format("is a {} model with a convolution (conv_kernel_size): ONNX graphs of those are not known",
                            spec.model_type),
                "safetensors of it are read and written");
  }
  EncoderGraph graph(spec, architecture, weights, type);
  graph.write();
  if (graph.is_too_large()) {
    return fail(ErrorCode::kUnsupported, source,
                fmt::format("has {} bytes of weights, and an ONNX file at most 2 GB", graph.tensor_bytes()),
                "write it with --dtype f16 or q8_0");
  }
  return graph.message();
}

}  // namespace valence::onnx

// The tensors of small BERT and DistilBERT classifiers, spelled as transformers' state_dict() lists them.
#include <fmt/format.h>

#include "support/random_checkpoint.h"

namespace valence::testing {
namespace {

constexpr double kWeightDeviation = 0.06;
constexpr double kNormDeviation = 0.1;

class TensorList {
 public:
  void matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    tensors.push_back({name + ".weight", {rows, columns}, 0, kWeightDeviation});
  }
  void linear(const std::string& name, std::int64_t out_features, std::int64_t in_features) {
    matrix(name, out_features, in_features);
    tensors.push_back({name + ".bias", {out_features}, 0, kWeightDeviation});
  }
  void norm(const std::string& name, std::int64_t size) {
    tensors.push_back({name + ".weight", {size}, 1, kNormDeviation});
    tensors.push_back({name + ".bias", {size}, 0, kNormDeviation});
  }

  std::vector<RandomTensor> tensors;
};

std::string id2label(std::int64_t num_labels) {
  std::string entries;
  for (std::int64_t i = 0; i < num_labels; ++i) {
    entries += fmt::format(R"({}"{}": "class{}")", i == 0 ? "" : ", ", i, i);
  }
  return "{" + entries + "}";
}

}  // namespace

RandomCheckpoint random_bert(const EncoderShape& shape, std::uint64_t seed) {
  const std::int64_t hidden = shape.hidden_size;
  TensorList list;
  list.matrix("bert.embeddings.word_embeddings", shape.vocab_size, hidden);
  list.matrix("bert.embeddings.position_embeddings", shape.max_position_embeddings, hidden);
  list.matrix("bert.embeddings.token_type_embeddings", shape.type_vocab_size, hidden);
  list.norm("bert.embeddings.LayerNorm", hidden);
  for (std::int64_t i = 0; i < shape.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("bert.encoder.layer.{}.", i);
    list.linear(layer + "attention.self.query", hidden, hidden);
    list.linear(layer + "attention.self.key", hidden, hidden);
    list.linear(layer + "attention.self.value", hidden, hidden);
    list.linear(layer + "attention.output.dense", hidden, hidden);
    list.norm(layer + "attention.output.LayerNorm", hidden);
    list.linear(layer + "intermediate.dense", shape.intermediate_size, hidden);
    list.linear(layer + "output.dense", hidden, shape.intermediate_size);
    list.norm(layer + "output.LayerNorm", hidden);
  }
  list.linear("bert.pooler.dense", hidden, hidden);
  list.linear("classifier", shape.num_labels, hidden);
  const std::string config = fmt::format(
      R"({{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": {}, )"
      R"("hidden_size": {}, "num_hidden_layers": {}, "num_attention_heads": {}, "intermediate_size": {}, )"
      R"("max_position_embeddings": {}, "type_vocab_size": {}, "hidden_act": "gelu", "layer_norm_eps": 1e-12, )"
      R"("id2label": {}}})",
      shape.vocab_size, hidden, shape.num_hidden_layers, shape.num_attention_heads, shape.intermediate_size,
      shape.max_position_embeddings, shape.type_vocab_size, id2label(shape.num_labels));
  return {.config_json = config, .tensors = std::move(list.tensors), .seed = seed};
}

RandomCheckpoint random_distilbert(const EncoderShape& shape, std::uint64_t seed) {
  const std::int64_t hidden = shape.hidden_size;
  TensorList list;
  list.matrix("distilbert.embeddings.word_embeddings", shape.vocab_size, hidden);
  list.matrix("distilbert.embeddings.position_embeddings", shape.max_position_embeddings, hidden);
  list.norm("distilbert.embeddings.LayerNorm", hidden);
  for (std::int64_t i = 0; i < shape.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("distilbert.transformer.layer.{}.", i);
    list.linear(layer + "attention.q_lin", hidden, hidden);
    list.linear(layer + "attention.k_lin", hidden, hidden);
    list.linear(layer + "attention.v_lin", hidden, hidden);
    list.linear(layer + "attention.out_lin", hidden, hidden);
    list.norm(layer + "sa_layer_norm", hidden);
    list.linear(layer + "ffn.lin1", shape.intermediate_size, hidden);
    list.linear(layer + "ffn.lin2", hidden, shape.intermediate_size);
    list.norm(layer + "output_layer_norm", hidden);
  }
  list.linear("pre_classifier", hidden, hidden);
  list.linear("classifier", shape.num_labels, hidden);
  const std::string config = fmt::format(
      R"({{"model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"], "vocab_size": {}, )"
      R"("dim": {}, "n_layers": {}, "n_heads": {}, "hidden_dim": {}, "max_position_embeddings": {}, )"
      R"("activation": "gelu", "id2label": {}}})",
      shape.vocab_size, hidden, shape.num_hidden_layers, shape.num_attention_heads, shape.intermediate_size,
      shape.max_position_embeddings, id2label(shape.num_labels));
  return {.config_json = config, .tensors = std::move(list.tensors), .seed = seed};
}

}  // namespace valence::testing

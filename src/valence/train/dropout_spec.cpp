#include "valence/train/dropout_spec.h"

#include <fmt/format.h>

#include <vector>

namespace valence::train {
namespace {

using Place = DropoutRate DropoutSpec::*;

/// A key, what it is when absent (negative: what the hidden states have), and where it holds.
struct Key {
  std::string_view name;
  double fallback;
  std::vector<Place> places;
};

/// Source: the configuration_*.py (names, defaults) and modeling_*.py (places) of transformers 5.
std::vector<Key> keys_of(std::string_view model_type) {
  using Spec = DropoutSpec;
  if (model_type == "distilbert") {
    return {{"dropout", 0.1, {&Spec::embeddings, &Spec::ffn_output}},
            {"attention_dropout", 0.1, {&Spec::probabilities}},
            {"seq_classif_dropout", 0.2, {&Spec::classifier}}};
  }
  if (model_type == "modernbert") {
    return {{"embedding_dropout", 0.0, {&Spec::embeddings}},
            {"attention_dropout", 0.0, {&Spec::probabilities, &Spec::attention_output}},
            {"mlp_dropout", 0.0, {&Spec::ffn_intermediate}},
            {"classifier_dropout", 0.0, {&Spec::classifier}}};
  }
  if (model_type == "gpt2") {
    return {{"embd_pdrop", 0.1, {&Spec::embeddings}},
            {"attn_pdrop", 0.1, {&Spec::probabilities}},
            {"resid_pdrop", 0.1, {&Spec::attention_output, &Spec::ffn_output}}};
  }
  if (model_type == "llama" || model_type == "mistral" || model_type == "qwen2" || model_type == "qwen3") {
    return {{"attention_dropout", 0.0, {&Spec::probabilities}}};
  }
  if (model_type == "nomic_bert") {
    return {{"embd_pdrop", 0.0, {&Spec::embeddings}},
            {"attn_pdrop", 0.0, {&Spec::probabilities}},
            {"resid_pdrop", 0.0, {&Spec::attention_output, &Spec::ffn_output}},
            {"classifier_dropout", 0.0, {&Spec::classifier}}};
  }
  if (model_type == "albert") {
    // AlbertLayer has a dropout after its feed-forward that its forward() never calls.
    return {{"hidden_dropout_prob", 0.0, {&Spec::embeddings, &Spec::attention_output}},
            {"attention_probs_dropout_prob", 0.0, {&Spec::probabilities}},
            {"classifier_dropout_prob", 0.1, {&Spec::classifier}}};
  }
  const double hidden = 0.1;
  std::vector<Key> keys = {
      {"hidden_dropout_prob", hidden, {&Spec::embeddings, &Spec::attention_output, &Spec::ffn_output}},
      {"attention_probs_dropout_prob", 0.1, {&Spec::probabilities}}};
  if (model_type == "deberta-v2") {
    keys.push_back({"pooler_dropout", 0.0, {&Spec::pooled}});
    keys.push_back({"cls_dropout", -1, {&Spec::classifier}});
  } else if (model_type == "bert" || model_type == "gte") {
    keys.push_back({"classifier_dropout", -1, {&Spec::classifier}});
  } else {  // RoBERTa and its kind, ELECTRA, MPNet: around the head's dense layer
    keys.push_back({"classifier_dropout", -1, {&Spec::pooled, &Spec::classifier}});
  }
  return keys;
}

}  // namespace

Result<DropoutSpec> dropout_spec(const Json& config, std::string_view model_type) {
  DropoutSpec spec;
  for (const Key& key : keys_of(model_type)) {
    VALENCE_TRY(const double rate,
                config.number_or(key.name, key.fallback < 0 ? spec.embeddings.probability : key.fallback));
    if (!(rate >= 0 && rate < 1)) {
      return config.invalid(fmt::format("{} {}: expected a probability from 0 up to, but not 1", key.name, rate));
    }
    for (const Place place : key.places) spec.*place = DropoutRate{rate};
  }
  return spec;
}

}  // namespace valence::train

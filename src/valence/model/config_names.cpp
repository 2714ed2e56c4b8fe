#include "valence/model/config_names.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "valence/base/check.h"
#include "valence/base/json_text.h"
#include "valence/model/arch/registry.h"

namespace valence {

std::string_view activation_name(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_new";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
    case Activation::kTanh:
      return "tanh";
    case Activation::kNone:
      break;
  }
  return "linear";
}

std::string_view problem_type_name(ProblemType problem_type) {
  switch (problem_type) {
    case ProblemType::kSingleLabel:
      return "single_label_classification";
    case ProblemType::kMultiLabel:
      return "multi_label_classification";
    case ProblemType::kRegression:
      return "regression";
  }
  return {};
}

std::string sequence_classifier_class(std::string_view model_type) {
  constexpr std::pair<std::string_view, std::string_view> kStems[] = {{"bert", "Bert"},
                                                                      {"distilbert", "DistilBert"},
                                                                      {"roberta", "Roberta"},
                                                                      {"xlm-roberta", "XLMRoberta"},
                                                                      {"camembert", "Camembert"},
                                                                      {"electra", "Electra"},
                                                                      {"albert", "Albert"},
                                                                      {"mpnet", "MPNet"},
                                                                      {"deberta-v2", "DebertaV2"},
                                                                      {"modernbert", "ModernBert"},
                                                                      {"nomic_bert", "NomicBert"},
                                                                      {"gte", "Gte"},
                                                                      {"gpt2", "GPT2"},
                                                                      {"llama", "Llama"},
                                                                      {"mistral", "Mistral"},
                                                                      {"qwen2", "Qwen2"},
                                                                      {"qwen3", "Qwen3"}};
  const auto found = std::ranges::find(kStems, model_type, &std::pair<std::string_view, std::string_view>::first);
  VALENCE_ASSERT(found != std::end(kStems), "every architecture of the registry is here");
  return std::string(found->second) + "ForSequenceClassification";
}

std::string config_json_of(const ModelSpec& spec, std::string_view class_name) {
  const Architecture* const architecture = find_architecture(spec.model_type);
  VALENCE_ASSERT(architecture != nullptr, "the specification was made of a known model_type");
  const ConfigKeys& keys = architecture->keys;
  const EncoderSpec& encoder = spec.encoder;
  JsonText json;
  json.begin_object().key("architectures").begin_array().string(class_name).end_array();
  json.key("model_type").string(spec.model_type);
  const auto size = [&](std::string_view key, std::int64_t value) {
    if (!key.empty()) json.key(key).integer(value);
  };
  size(keys.vocab_size, encoder.vocab_size);
  size(keys.hidden_size, encoder.hidden_size);
  size(keys.num_hidden_layers, encoder.num_hidden_layers);
  size(keys.num_attention_heads, encoder.num_attention_heads);
  size(keys.intermediate_size, encoder.intermediate_size);
  size(keys.max_position_embeddings, encoder.max_position_embeddings);
  size(keys.type_vocab_size, encoder.type_vocab_size);
  json.key(keys.hidden_act).string(activation_name(encoder.hidden_act));
  if (!keys.layer_norm_eps.empty()) json.key(keys.layer_norm_eps).number(encoder.layer_norm_eps);
  json.key("problem_type").string(problem_type_name(spec.head.problem_type));
  json.key("id2label").begin_object();
  for (std::size_t i = 0; i < spec.head.labels.size(); ++i) json.key(std::to_string(i)).string(spec.head.labels[i]);
  json.end_object().key("label2id").begin_object();
  for (std::size_t i = 0; i < spec.head.labels.size(); ++i) {
    json.key(spec.head.labels[i]).integer(static_cast<std::int64_t>(i));
  }
  json.end_object().key("dtype").string("float32").end_object();
  return json.text() + "\n";
}

}  // namespace valence

#include "valence/model/config_names.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "valence/base/check.h"

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

}  // namespace valence

/// \file
/// A classification head as data: first token -> dense -> activation -> classifier -> logits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "valence/model/encoder_spec.h"

namespace valence {

/// How logits become scores. Names and rule: transformers' TextClassificationPipeline (v5).
enum class ProblemType {
  kSingleLabel,  ///< softmax over the labels
  kMultiLabel,   ///< a sigmoid for each label
  kRegression,   ///< the logits themselves
};

struct HeadSpec {
  Activation dense_act = Activation::kTanh;  ///< BERT's pooler: tanh; DistilBERT's pre-classifier: relu
  ProblemType problem_type = ProblemType::kSingleLabel;
  std::vector<std::string> labels;  ///< by class index, from id2label

  [[nodiscard]] std::int64_t num_labels() const { return static_cast<std::int64_t>(labels.size()); }
};

struct ModelSpec {
  std::string model_type;  ///< "bert", "distilbert": the key of arch/registry
  EncoderSpec encoder;
  HeadSpec head;
  std::string saved_by = {};  ///< the class that wrote the checkpoint ("BertForMaskedLM"), for messages; may be empty
};

}  // namespace valence

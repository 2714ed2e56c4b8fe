/// \file
/// A classification head as data: rows of hidden states -> dense -> activation -> classifier -> logits.
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

/// What of a sequence's hidden states the head reads.
enum class Pooling : std::uint8_t {
  kFirst,  ///< its first token, [CLS]
  kLast,   ///< its last token: the one that a decoder has seen everything at
  kMean,   ///< the mean of its tokens
  kNone,   ///< every token: token classification has logits for each
};

struct HeadSpec {
  Pooling pooling = Pooling::kFirst;
  bool has_dense = true;                     ///< a layer hidden_size -> hidden_size and its activation in between
  Activation dense_act = Activation::kTanh;  ///< BERT's pooler: tanh; DistilBERT's pre-classifier: relu
  bool dense_bias = true;
  bool dense_norm = false;  ///< a layer norm after the activation (ModernBERT)
  bool classifier_bias = true;
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

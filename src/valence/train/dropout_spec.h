/// \file
/// Where a model drops activations while it learns, and how many: what config.json says, in the places where
/// transformers has its nn.Dropout.
#pragma once

#include <string_view>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/train/dropout.h"

namespace valence::train {

struct DropoutSpec {
  DropoutRate embeddings;        ///< after their norm
  DropoutRate probabilities;     ///< of attention
  DropoutRate attention_output;  ///< before it joins the residual
  DropoutRate ffn_intermediate;  ///< between the two products (ModernBERT)
  DropoutRate ffn_output;
  DropoutRate pooled;      ///< what the head reads (RoBERTa)
  DropoutRate classifier;  ///< what the classifier reads
};

/// Of a model of `model_type`. Errors: a rate outside [0, 1).
Result<DropoutSpec> dropout_spec(const Json& config, std::string_view model_type);

}  // namespace valence::train

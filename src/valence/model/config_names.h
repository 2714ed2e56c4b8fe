/// \file
/// What config.json calls values of a specification: the way back from config.h.
#pragma once

#include <string>
#include <string_view>

#include "valence/model/head_spec.h"

namespace valence {

[[nodiscard]] std::string_view activation_name(Activation activation);
[[nodiscard]] std::string_view problem_type_name(ProblemType problem_type);

/// The class of transformers that classifies texts with such an encoder: "BertForSequenceClassification".
[[nodiscard]] std::string sequence_classifier_class(std::string_view model_type);

}  // namespace valence

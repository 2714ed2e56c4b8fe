/// \file
/// Every architecture valence runs, on one screen: config.json's model_type -> names.
#pragma once

#include <array>
#include <string_view>

#include "valence/model/arch/architecture.h"

namespace valence {

const Architecture& bert_architecture();
const Architecture& distilbert_architecture();
const Architecture& roberta_architecture();
const Architecture& xlm_roberta_architecture();
const Architecture& camembert_architecture();
const Architecture& electra_architecture();
const Architecture& albert_architecture();
const Architecture& mpnet_architecture();
const Architecture& deberta_v2_architecture();
const Architecture& modernbert_architecture();
const Architecture& nomic_bert_architecture();
const Architecture& gte_architecture();
const Architecture& gpt2_architecture();
const Architecture& llama_architecture();
const Architecture& mistral_architecture();
const Architecture& qwen2_architecture();
const Architecture& qwen3_architecture();

/// A new architecture is its file beside this one, its line above and its line here.
inline std::array<const Architecture*, 17> architectures() {
  return {&bert_architecture(),        &distilbert_architecture(), &roberta_architecture(),
          &xlm_roberta_architecture(), &camembert_architecture(),  &electra_architecture(),
          &albert_architecture(),      &mpnet_architecture(),      &deberta_v2_architecture(),
          &modernbert_architecture(),  &nomic_bert_architecture(), &gte_architecture(),
          &gpt2_architecture(),        &llama_architecture(),      &mistral_architecture(),
          &qwen2_architecture(),       &qwen3_architecture()};
}

/// Null when no architecture has this `model_type`.
[[nodiscard]] const Architecture* find_architecture(std::string_view model_type);

}  // namespace valence

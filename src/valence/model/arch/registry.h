/// \file
/// Every architecture valence runs, on one screen: config.json's model_type -> names.
#pragma once

#include <array>
#include <string_view>

#include "valence/model/arch/architecture.h"

namespace valence {

const Architecture& bert_architecture();
const Architecture& distilbert_architecture();

/// A new architecture is its file beside this one, its line above and its line here.
inline std::array<const Architecture*, 2> architectures() { return {&bert_architecture(), &distilbert_architecture()}; }

/// Null when no architecture has this `model_type`.
[[nodiscard]] const Architecture* find_architecture(std::string_view model_type);

}  // namespace valence

/// \file
/// Equal texts of a window are classified once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "valence/classifier.h"

namespace valence::pipeline {

struct FoldedTexts {
  std::vector<TextInput> distinct;         ///< in order of first appearance; views of the given texts
  std::vector<std::uint32_t> distinct_of;  ///< for each given text, its index in `distinct`
};

/// Exact: byte-equal texts and pairs fold, no others. With `enabled` false every text stands for itself.
[[nodiscard]] FoldedTexts fold_equal_texts(std::span<const TextInput> texts, bool enabled);

}  // namespace valence::pipeline

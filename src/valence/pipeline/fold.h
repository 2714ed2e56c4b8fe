/// \file
/// Equal texts of a window are classified once.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace valence::pipeline {

struct FoldedTexts {
  std::vector<std::string_view> distinct;  ///< in order of first appearance; views of the given texts
  std::vector<std::uint32_t> distinct_of;  ///< for each given text, its index in `distinct`
};

/// Exact: byte-equal texts fold, no others. With `enabled` false every text stands for itself.
[[nodiscard]] FoldedTexts fold_equal_texts(std::span<const std::string_view> texts, bool enabled);

}  // namespace valence::pipeline

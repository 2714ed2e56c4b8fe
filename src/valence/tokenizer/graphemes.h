/// \file
/// Where user-perceived characters end.
#pragma once

#include <cstddef>
#include <span>

#include "valence/tokenizer/normalized_text.h"

namespace valence::tokenizer {

/// The end of the extended grapheme cluster that begins at `begin`; begin < chars.size(). Source: Unicode Standard
/// Annex #29, rules GB3 to GB13, by utf8proc.
[[nodiscard]] std::size_t grapheme_end(std::span<const NormalizedChar> chars, std::size_t begin);

}  // namespace valence::tokenizer

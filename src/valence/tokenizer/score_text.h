/// \file
/// The scores of a tokenizer.json, digit by digit as the reference reads them.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace valence::tokenizer {

struct ScoreText {
  double value;
  std::size_t size;  ///< bytes read
};

/// The JSON number at the beginning of `text`; nothing if there is none, or one too large for f64.
///
/// It need not be the nearest f64: serde_json, which reads the file for Hugging Face tokenizers, takes 19 or 20 digits
/// as an integer, rounds, and multiplies or divides by a power of ten, which rounds again. Sums of scores that tie in
/// one reading need not tie in the other, so this does the same. Source: f64_from_parts in serde_json's de.rs.
[[nodiscard]] std::optional<ScoreText> read_score(std::string_view text);

}  // namespace valence::tokenizer

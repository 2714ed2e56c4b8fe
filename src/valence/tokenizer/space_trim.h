/// \file
/// trim_offsets: the spaces that byte-level tokens carry at their ends are not part of what they stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "valence/tokenizer.h"

namespace valence::tokenizer {

/// How many characters of white space, the byte-level space among them, a token has at its ends.
struct EdgeSpaces {
  std::uint32_t leading = 0;
  std::uint32_t trailing = 0;
};
[[nodiscard]] EdgeSpaces edge_spaces(std::string_view token);

/// What ByteLevel and RobertaProcessing do to offsets when trim_offsets is set. Source: process_offsets of Hugging Face
/// tokenizers, with its ways: what is counted in the token is taken from the text, a character for a character; but a
/// single leading space stays with the first token, or one at the start of the text, if the pre-tokenizer may have put
/// it there.
struct SpaceTrim {
  bool add_prefix_space = false;

  /// `source`: bytes of `text`, valid UTF-8, that the token came from. `first`: the first token that is kept.
  [[nodiscard]] ByteSpan apply(std::string_view text, ByteSpan source, EdgeSpaces spaces, bool first) const;
};

}  // namespace valence::tokenizer

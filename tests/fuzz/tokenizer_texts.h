/// \file
/// Twenty texts that a tokenizer made of any bytes must bear.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "valence/base/utf8.h"
#include "valence/tokenizer.h"
#include "valence/tokenizer/vocabulary_file_checks.h"

namespace valence::testing {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline constexpr std::string_view kTexts[] = {"",
                                              " ",
                                              "a",
                                              "Hello, World!",
                                              "unaffable",
                                              "e\u0301a\u0323\u0301",
                                              "中文 日本語",
                                              "각 \u1100\u1161",
                                              "[MASK][CLS]",
                                              " [MASK] x",
                                              "\u302E\u0301a",
                                              "a\u200Bb\u00ADc",
                                              "ﬁ ½ Ⅷ",
                                              "İ ẞ ς",
                                              "😀👍🏽",
                                              "\t\n\r\u3000",
                                              "12345 6",
                                              "##ing",
                                              "....!!",
                                              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

/// Refused with words, or a tokenizer that encodes the texts into ids it has tokens for, and decodes them again into
/// UTF-8.
inline void require_refused_or_sound(const Result<Tokenizer>& tokenizer) {
  if (!tokenizer) {
    require(!tokenizer.error().what().empty());
    return;
  }
  for (const std::string_view text : kTexts) {
    const auto encoding = tokenizer->encode(text);
    // A regular expression may give up on a text.
    require(encoding.has_value() || encoding.error().code() == ErrorCode::kInvalidData);
    if (!encoding) continue;
    require(encoding->offsets.size() == encoding->ids.size());
    for (std::size_t i = 0; i < encoding->ids.size(); ++i) {
      require(static_cast<std::size_t>(encoding->ids[i]) < tokenizer->vocabulary_size());
      require(encoding->offsets[i].begin <= encoding->offsets[i].end && encoding->offsets[i].end <= text.size());
    }
    const auto pair = tokenizer->encode_pair(text, "a b");
    require(!pair || pair->type_ids.size() == pair->ids.size());
    const auto decoded = tokenizer->decode(encoding->ids, {.skip_special_tokens = false});
    require(!decoded || !find_invalid_utf8(*decoded));
  }
}

/// What the parser accepts, the look at the file's pieces while it is read lets through.
inline void require_let_through(const PieceCheck& check, std::string_view file) {
  const std::size_t half = file.size() / 2;
  require(check(file.substr(0, half), 0).has_value() && check(file, half).has_value());
}

}  // namespace valence::testing

/// \file
/// How `valence tokenize` shows the tokens of one text or pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/tokenizer.h"

namespace valence::cli {

/// One token with names instead of ids, in the fields of text-embeddings-inference's /tokenize and a few more.
struct TokenView {
  std::int32_t id = 0;
  std::string_view token;     ///< as the vocabulary spells it; lives as long as the tokenizer
  std::string_view text;      ///< what it stands for in the input; of a special token the token itself
  bool special = false;       ///< put there by the tokenizer
  std::int8_t sequence = -1;  ///< 0 or 1, the text of a pair; -1: special
  std::int32_t type_id = 0;
  std::size_t start = 0;  ///< code points [start, stop) of its text; not of special tokens
  std::size_t stop = 0;
};

/// `pair` is empty for a text alone. The encoding must have offsets; views are into the arguments.
[[nodiscard]] std::vector<TokenView> view_tokens(const Tokenizer& tokenizer, const Encoding& encoding,
                                                 std::string_view text, std::string_view pair);

/// [{"id":…,"text":…,"special":…,"start":…,"stop":…,"token":…,"type_id":…}, …]; start and stop of special tokens are
/// null, and `sequence` is there in pairs only.
void append_tokens_json(std::string& out, const std::vector<TokenView>& tokens, bool is_pair);

struct TokenTableStyle {
  bool color = false;
  bool unicode = true;
};

/// For people: the pieces on a line, each told from its neighbours, and a row for each below it.
void append_tokens_table(std::string& out, const std::vector<TokenView>& tokens, const TokenTableStyle& style);

}  // namespace valence::cli

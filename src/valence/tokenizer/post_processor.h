/// \file
/// The fourth stage: which special tokens stand around one text or a pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "valence/tokenizer/space_trim.h"

namespace valence::tokenizer {

/// One text's tokens, or special tokens, with the type id they get.
struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial };
  Kind kind;
  std::int32_t type_id;
  std::vector<std::int32_t> special_ids;  ///< of kSpecial
};

/// Every post-processor alike: offsets are trimmed first, then a template is filled. `single` holds kFirst once; `pair`
/// holds kFirst and kSecond once each.
struct PostProcessor {
  std::vector<TemplatePiece> single;
  std::vector<TemplatePiece> pair;
  std::vector<SpaceTrim> trims = {};  ///< of ByteLevel and RobertaProcessing, one after the other

  /// What a tokenizer without post-processor does: the texts alone, types 0 and 1.
  [[nodiscard]] static PostProcessor plain();
  /// [CLS] A [SEP] and [CLS] A [SEP] B [SEP], types 0 up to the first [SEP].
  [[nodiscard]] static PostProcessor bert(std::int32_t cls_id, std::int32_t sep_id);
  /// <s> A </s> and <s> A </s> </s> B </s>, all of type 0.
  [[nodiscard]] static PostProcessor roberta(std::int32_t cls_id, std::int32_t sep_id);
  /// The same tokens before and after each text, which may be none; types 0 and 1.
  [[nodiscard]] static PostProcessor around_each(const std::vector<std::int32_t>& before,
                                                 const std::vector<std::int32_t>& after);

  [[nodiscard]] static std::size_t special_tokens_in(const std::vector<TemplatePiece>& pieces);
};

}  // namespace valence::tokenizer

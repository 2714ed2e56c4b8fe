/// \file
/// One text -> the token sequences that the encoder reads, and their logits -> the text's logits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/tokenizer.h"

namespace valence {

struct SequenceLimits {
  std::size_t max_length = 0;  ///< tokens of one sequence, special ones included
  LongText on_long = LongText::kTruncate;
  std::size_t embedding_rows = std::numeric_limits<std::size_t>::max();  ///< ids from here on have no embedding
  /// The head reads the last token, and this id, of padding, does not count as one (-1: none such): transformers'
  /// GenericForSequenceClassification. Nothing before it sees it, so it is dropped.
  std::int32_t trailing_padding = -1;
  bool keeps_encoding = false;  ///< for heads that label tokens; not with LongText::kWindow
  std::optional<TruncationSide> truncation_side = std::nullopt;  ///< absent: the tokenizer's own
};

/// A half-open range of content tokens (special tokens not counted).
struct TokenWindow {
  std::size_t begin;
  std::size_t end;
};

/// Windows of at most `capacity` content tokens that cover [0, content_tokens), each next one overlapping the one
/// before by a quarter so that no phrase is only seen cut. The last window ends at the end and is full: a short tail
/// would be judged without context. capacity >= 1.
[[nodiscard]] std::vector<TokenWindow> plan_windows(std::size_t content_tokens, std::size_t capacity);

struct TextSequences {
  std::vector<std::vector<std::int32_t>> sequences;  ///< at least one, each within the limits
  /// As `sequences`, or empty: all types are 0.
  std::vector<std::vector<std::int32_t>> token_type_ids = {};
  bool truncated = false;
  Encoding encoding = {};  ///< of the only sequence, with offsets; where SequenceLimits asked for it

  /// The types of a sequence; empty: all 0.
  [[nodiscard]] std::span<const std::int32_t> types_of(std::size_t sequence) const {
    return token_type_ids.empty() ? std::span<const std::int32_t>() : token_type_ids[sequence];
  }
};

/// Errors: invalid UTF-8, a text without a single token ("empty text"), an over-long one under LongText::kError, one
/// that spells an added token without an embedding.
Result<TextSequences> make_sequences(const Tokenizer& tokenizer, std::string_view text, const SequenceLimits& limits);

/// A sequence that was tokenized elsewhere, as it is. Errors: none or too many ids, one without an embedding.
Result<TextSequences> make_given_sequence(std::span<const std::int32_t> ids, const SequenceLimits& limits);

/// Both texts in one sequence. Errors as above, and an over-long pair under LongText::kWindow.
Result<TextSequences> make_pair_sequence(const Tokenizer& tokenizer, std::string_view first, std::string_view second,
                                         TruncationStrategy strategy, const SequenceLimits& limits);

/// The mean of the sequences' logits weighted by their tokens, [num_labels]; of a single sequence its own logits,
/// untouched. `logits` is [sequences, num_labels]. Errors: a logit that is no finite number.
Result<std::vector<float>> merge_logits(std::span<const float> logits, const TextSequences& text,
                                        std::size_t num_labels);

}  // namespace valence

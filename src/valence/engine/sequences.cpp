#include "valence/engine/sequences.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/engine/postprocess.h"

namespace valence {
namespace {

struct ContentRange {
  std::size_t prefix;  // special tokens in front
  std::size_t suffix;  // special tokens behind
};

ContentRange content_of(const Encoding& encoding) {
  const auto& special = encoding.special_tokens_mask;
  std::size_t prefix = 0;
  while (prefix < special.size() && special[prefix] != 0) ++prefix;
  std::size_t suffix = 0;
  while (prefix + suffix < special.size() && special[special.size() - 1 - suffix] != 0) ++suffix;
  return {prefix, suffix};
}

/// The embedding table may be smaller than the tokenizer, which then knows tokens that no text should spell.
Status check_embeddings(const Tokenizer& tokenizer, std::span<const std::int32_t> ids, std::size_t rows) {
  if (tokenizer.vocabulary_size() <= rows) return {};
  const auto beyond = std::find_if(ids.begin(), ids.end(), [rows](std::int32_t id) { return std::size_t(id) >= rows; });
  if (beyond == ids.end()) return {};
  return fail(ErrorCode::kInvalidData, "",
              fmt::format("it spells {}, an added token with id {}, but the model's embedding table has {} rows",
                          in_quotes(tokenizer.id_to_token(*beyond).value_or("")), *beyond, rows),
              "the checkpoint was not resized for the tokens that its tokenizer files add");
}

/// Drops padding at the end, but never the only token.
void drop_trailing(std::int32_t padding, std::vector<std::int32_t>& ids) {
  while (padding >= 0 && ids.size() > 1 && ids.back() == padding) ids.pop_back();
}

Error too_long(const SequenceLimits& limits) {
  return {ErrorCode::kInvalidData, "", fmt::format("the text has more than {} tokens", limits.max_length),
          "use --on-long truncate or --on-long window"};
}

}  // namespace

std::vector<TokenWindow> plan_windows(std::size_t content_tokens, std::size_t capacity) {
  const std::size_t step = std::max<std::size_t>(1, capacity - capacity / 4);
  std::vector<TokenWindow> windows;
  for (std::size_t begin = 0; begin + capacity < content_tokens; begin += step) {
    windows.push_back({begin, begin + capacity});
  }
  windows.push_back({content_tokens > capacity ? content_tokens - capacity : 0, content_tokens});
  return windows;
}

Result<TextSequences> make_sequences(const Tokenizer& tokenizer, std::string_view text, const SequenceLimits& limits) {
  const bool window = limits.on_long == LongText::kWindow;
  VALENCE_TRY(Encoding encoding, tokenizer.encode(text, {.max_length = window ? 0 : limits.max_length,
                                                         .truncation_side = limits.truncation_side,
                                                         .with_offsets = limits.keeps_encoding}));
  const ContentRange content = content_of(encoding);
  const std::size_t content_tokens = encoding.ids.size() - content.prefix - content.suffix;
  if (content_tokens == 0) return fail(ErrorCode::kInvalidData, "", "empty text");
  if (encoding.truncated && limits.on_long == LongText::kError) {
    return fail(too_long(limits));
  }
  VALENCE_TRY_STATUS(check_embeddings(tokenizer, encoding.ids, limits.embedding_rows));
  TextSequences result;
  result.truncated = encoding.truncated;
  if (limits.keeps_encoding) {
    result.sequences.push_back(encoding.ids);
    result.encoding = std::move(encoding);
    return result;
  }
  if (encoding.ids.size() <= limits.max_length) {
    drop_trailing(limits.trailing_padding, result.sequences.emplace_back(std::move(encoding.ids)));
    return result;
  }
  const auto first = encoding.ids.begin() + static_cast<std::ptrdiff_t>(content.prefix);
  for (const TokenWindow& part : plan_windows(content_tokens, limits.max_length - content.prefix - content.suffix)) {
    auto& ids = result.sequences.emplace_back(encoding.ids.begin(), first);
    ids.insert(ids.end(), first + static_cast<std::ptrdiff_t>(part.begin),
               first + static_cast<std::ptrdiff_t>(part.end));
    ids.insert(ids.end(), encoding.ids.end() - static_cast<std::ptrdiff_t>(content.suffix), encoding.ids.end());
    drop_trailing(limits.trailing_padding, ids);
  }
  return result;
}

Result<TextSequences> make_given_sequence(std::span<const std::int32_t> ids, const SequenceLimits& limits) {
  if (ids.empty()) return fail(ErrorCode::kInvalidData, "", "empty text");
  if (ids.size() > limits.max_length) return fail(too_long(limits));
  const auto unknown = std::find_if(
      ids.begin(), ids.end(), [&](std::int32_t id) { return id < 0 || std::size_t(id) >= limits.embedding_rows; });
  if (unknown != ids.end()) {
    return fail(ErrorCode::kInvalidData, "",
                fmt::format("token id {} is out of range: the model's embedding table has {} rows", *unknown,
                            limits.embedding_rows));
  }
  TextSequences result;
  drop_trailing(limits.trailing_padding, result.sequences.emplace_back(ids.begin(), ids.end()));
  return result;
}

Result<TextSequences> make_pair_sequence(const Tokenizer& tokenizer, std::string_view first, std::string_view second,
                                         TruncationStrategy strategy, const SequenceLimits& limits) {
  const bool cuts = limits.on_long == LongText::kTruncate;
  VALENCE_TRY(Encoding encoding, tokenizer.encode_pair(first, second,
                                                       {.max_length = cuts ? limits.max_length : 0,
                                                        .truncation_side = limits.truncation_side,
                                                        .truncation_strategy = strategy,
                                                        .with_offsets = false}));
  if (encoding.ids.size() > limits.max_length) {
    if (limits.on_long == LongText::kError) return fail(too_long(limits));
    return fail(
        ErrorCode::kUnsupported, "",
        fmt::format("the two texts have more than {} tokens, and pairs are not read in windows", limits.max_length),
        "use --on-long truncate");
  }
  const auto& special = encoding.special_tokens_mask;
  if (std::all_of(special.begin(), special.end(), [](std::uint8_t is_special) { return is_special != 0; })) {
    return fail(ErrorCode::kInvalidData, "", "empty text");
  }
  VALENCE_TRY_STATUS(check_embeddings(tokenizer, encoding.ids, limits.embedding_rows));
  TextSequences result;
  result.truncated = encoding.truncated;
  drop_trailing(limits.trailing_padding, encoding.ids);
  encoding.type_ids.resize(encoding.ids.size());
  result.sequences.push_back(std::move(encoding.ids));
  if (tokenizer.gives_token_types()) result.token_type_ids.push_back(std::move(encoding.type_ids));
  return result;
}

Result<std::vector<float>> merge_logits(std::span<const float> logits, const TextSequences& text,
                                        std::size_t num_labels) {
  std::vector<float> merged(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(num_labels));
  if (text.sequences.size() > 1) {
    std::vector<double> sums(num_labels, 0.0);
    double tokens = 0;
    for (std::size_t i = 0; i < text.sequences.size(); ++i) {
      const auto weight = static_cast<double>(text.sequences[i].size());
      tokens += weight;
      for (std::size_t label = 0; label < num_labels; ++label) {
        sums[label] += weight * static_cast<double>(logits[i * num_labels + label]);
      }
    }
    for (std::size_t label = 0; label < num_labels; ++label) merged[label] = static_cast<float>(sums[label] / tokens);
  }
  VALENCE_TRY_STATUS(check_finite(merged));
  return merged;
}

}  // namespace valence

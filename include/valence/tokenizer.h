/// \file
/// Text to token ids, exactly as Hugging Face tokenizers would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/error.h"

namespace valence {

/// Bytes [begin, end) of a text.
struct ByteSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

/// The tokens of a text or a pair. All vectors are as long as `ids`, except that `offsets` and `sequence_ids` are empty
/// if not asked for.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  /// 1 where the post-processor put a token ([CLS], [SEP]); 0 for the text's own, even if they spell "[SEP]".
  std::vector<std::uint8_t> special_tokens_mask;
  /// Where each token came from in the original UTF-8 text, its own text of a pair; {0, 0} for special tokens.
  std::vector<ByteSpan> offsets;
  /// Which text of a pair each token came from, 0 or 1; -1 for special tokens.
  std::vector<std::int8_t> sequence_ids;
  /// Whether max_length cut tokens away.
  bool truncated = false;
};

/// The end that truncation cuts from.
enum class TruncationSide { kRight, kLeft };

/// Which text of a pair truncation cuts. A text alone counts as the first.
enum class TruncationStrategy {
  kLongestFirst,  ///< the longer one down to the other's length, then both alike
  kOnlyFirst,
  kOnlySecond,
};

struct EncodeOptions {
  std::size_t max_length = 0;                                    ///< tokens in all, special ones included; 0: no limit
  std::optional<TruncationSide> truncation_side = std::nullopt;  ///< absent: Tokenizer::truncation_side()
  TruncationStrategy truncation_strategy = TruncationStrategy::kLongestFirst;
  bool add_special_tokens = true;
  bool with_offsets = true;  ///< and sequence_ids
};

struct DecodeOptions {
  bool skip_special_tokens = true;
};

/// A loaded tokenizer. Immutable and thread-safe; copies share the vocabulary.
///
/// Ids and offsets are those of Hugging Face `tokenizers` for the same files. Of the truncation that a tokenizer.json
/// carries only the direction counts, as in transformers' pipelines: how long a text may be, and which of a pair is
/// cut, the caller says. `stride` makes further, overlapping encodings there and leaves the first as it is; only that
/// one is made here. Padding is not applied: batches are packed, a sequence after the other. Time and memory are linear
/// in the text, and truncation on the right reads only as far as it must, apart from the check that the text is UTF-8.
class Tokenizer {
 public:
  /// The tokenizer of a model directory: tokenizer.json, or else vocab.txt, as BertTokenizerFast would read it, or else
  /// vocab.json with merges.txt or a SentencePiece .model, as that tokenizer of transformers 5 would which
  /// tokenizer_config.json or config.json names. A component this build does not know is ErrorCode::kUnsupported.
  static Result<Tokenizer> load(const std::filesystem::path& model_directory);

  /// The text of a tokenizer.json; `source_name` is how errors name it.
  static Result<Tokenizer> from_tokenizer_json(std::string_view json, std::string source_name);

  /// Text that is not UTF-8, or of 4 GiB and more, is kInvalidData, and so is one that truncation_strategy cannot make
  /// fit; a max_length that leaves special tokens no room is kInvalidArgument.
  [[nodiscard]] Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const;
  /// The same into an Encoding whose memory is used again. After an error its content is unspecified.
  [[nodiscard]] Status encode_into(std::string_view text, const EncodeOptions& options, Encoding& encoding) const;

  /// Both texts in one sequence.
  [[nodiscard]] Result<Encoding> encode_pair(std::string_view first, std::string_view second,
                                             const EncodeOptions& options = {}) const;

  /// The text that `ids` stand for, by the `decoder` of tokenizer.json; without one, the tokens with spaces between.
  /// Ids that no token has are left out. Bytes that are no UTF-8 become U+FFFD. Errors: the decoder's replacements make
  /// more than 4 MiB of it, or a regular expression of its gives up.
  [[nodiscard]] Result<std::string> decode(std::span<const std::int32_t> ids, const DecodeOptions& options = {}) const;

  /// The text of tokens given by their spelling, special or not: transformers' convert_tokens_to_string.
  [[nodiscard]] Result<std::string> join_tokens(std::vector<std::string> tokens) const;

  [[nodiscard]] std::optional<std::int32_t> token_to_id(std::string_view token) const;
  /// The view lives as long as any copy of this tokenizer.
  [[nodiscard]] std::optional<std::string_view> id_to_token(std::int32_t id) const;
  /// The id of what has no token, if there is one: the unk_token of the settings, or else [UNK] or <unk>.
  [[nodiscard]] std::optional<std::int32_t> unknown_id() const;
  /// Whether a token inside a word is spelled with a prefix, "##" say, that tells it from one that begins a word.
  [[nodiscard]] bool marks_continuation() const;
  /// Whether the model wants to be told types: tokenizer_config.json's model_input_names, if there, lists
  /// token_type_ids.
  [[nodiscard]] bool gives_token_types() const;
  /// The highest id + 1: the rows an embedding needs.
  [[nodiscard]] std::size_t vocabulary_size() const;
  /// The same without added tokens: those may have ids that no embedding was made for.
  [[nodiscard]] std::size_t base_vocabulary_size() const;
  /// Tokens that encode adds around one text, or around a pair.
  [[nodiscard]] std::size_t num_special_tokens_to_add(bool pair) const;
  /// tokenizer_config.json's model_max_length; nothing if it is absent or says "unlimited".
  [[nodiscard]] std::optional<std::size_t> model_max_length() const;
  /// tokenizer_config.json's truncation_side, or else the direction of tokenizer.json's truncation, or else right.
  [[nodiscard]] TruncationSide truncation_side() const;

  struct Parts;  ///< internal; src/valence/tokenizer/tokenizer_parts.h
  explicit Tokenizer(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

 private:
  std::shared_ptr<const Parts> parts_;
};

}  // namespace valence

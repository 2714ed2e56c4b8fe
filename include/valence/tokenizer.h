/// \file
/// Text to token ids, exactly as Hugging Face tokenizers would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
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

/// The tokens of a text or a pair. All vectors are as long as `ids`, except that `offsets` is empty if not asked for.
struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  /// 1 where the post-processor put a token ([CLS], [SEP]); 0 for the text's own, even if they spell "[SEP]".
  std::vector<std::uint8_t> special_tokens_mask;
  /// Where each token came from in the original UTF-8 text, its own text of a pair; {0, 0} for special tokens.
  std::vector<ByteSpan> offsets;
  /// Whether max_length cut tokens away.
  bool truncated = false;
};

/// The end that truncation cuts from.
enum class TruncationSide { kRight, kLeft };

struct EncodeOptions {
  std::size_t max_length = 0;  ///< tokens in all, special ones included; 0: no limit
  TruncationSide truncation_side = TruncationSide::kRight;
  bool add_special_tokens = true;
  bool with_offsets = true;
};

/// A loaded tokenizer. Immutable and thread-safe; copies share the vocabulary.
///
/// Ids and offsets are those of Hugging Face `tokenizers` for the same files. The truncation and padding that a
/// tokenizer.json carries are not applied: the caller decides. Time and memory are linear in the text, and truncation
/// on the right reads only as far as it must, apart from the check that the text is UTF-8.
class Tokenizer {
 public:
  /// The tokenizer of a model directory: tokenizer.json, or else vocab.txt, as BertTokenizerFast would read it, or else
  /// vocab.json with merges.txt or a SentencePiece .model, as that tokenizer of transformers 5 would which
  /// tokenizer_config.json or config.json names. A component this build does not know is ErrorCode::kUnsupported.
  static Result<Tokenizer> load(const std::filesystem::path& model_directory);

  /// The text of a tokenizer.json; `source_name` is how errors name it.
  static Result<Tokenizer> from_tokenizer_json(std::string_view json, std::string source_name);

  /// Text that is not UTF-8, or of 4 GiB and more, is kInvalidData; a max_length that leaves special tokens no room
  /// is kInvalidArgument.
  [[nodiscard]] Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const;
  /// The same into an Encoding whose memory is used again. After an error its content is unspecified.
  [[nodiscard]] Status encode_into(std::string_view text, const EncodeOptions& options, Encoding& encoding) const;

  /// Both texts in one sequence; truncation takes from the longer one first.
  [[nodiscard]] Result<Encoding> encode_pair(std::string_view first, std::string_view second,
                                             const EncodeOptions& options = {}) const;

  [[nodiscard]] std::optional<std::int32_t> token_to_id(std::string_view token) const;
  /// The view lives as long as any copy of this tokenizer.
  [[nodiscard]] std::optional<std::string_view> id_to_token(std::int32_t id) const;
  /// The highest id + 1: the rows an embedding needs.
  [[nodiscard]] std::size_t vocabulary_size() const;
  /// Tokens that encode adds around one text, or around a pair.
  [[nodiscard]] std::size_t num_special_tokens_to_add(bool pair) const;
  /// tokenizer_config.json's model_max_length; nothing if it is absent or says "unlimited".
  [[nodiscard]] std::optional<std::size_t> model_max_length() const;

  struct Parts;  ///< internal; src/valence/tokenizer/tokenizer_parts.h
  explicit Tokenizer(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

 private:
  std::shared_ptr<const Parts> parts_;
};

}  // namespace valence

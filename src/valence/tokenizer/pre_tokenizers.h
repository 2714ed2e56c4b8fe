/// \file
/// The second stage: pre-tokenizers of tokenizer.json, which cut a normalized text into the words the model sees.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "valence/tokenizer/literal_search.h"
#include "valence/tokenizer/normalized_text.h"
#include "valence/tokenizer/regex.h"
#include "valence/tokenizer/word_patterns.h"

namespace valence::tokenizer {

/// Characters [begin, end) of a normalized text, not empty.
struct Piece {
  std::size_t begin;
  std::size_t end;
  std::int32_t added_token_id = kNone;  ///< of an added token, which is cut no further

  static constexpr std::int32_t kNone = -1;
};

/// A text and its pieces, in order. A pre-tokenizer that also rewrites (byte-level, metaspace) replaces both.
struct PreTokenizedText {
  NormalizedText text;
  std::vector<Piece> pieces;
  std::optional<Error> failure = std::nullopt;  ///< why the text could not be cut; the pieces then mean nothing
};

/// Immutable, thread-safe; linear in the text.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PreTokenizedText& text) const = 0;
};

/// White space away, then each punctuation character by itself.
class BertPreTokenizer final : public PreTokenizer {
 public:
  void apply(PreTokenizedText& text) const override;
};

class WhitespaceSplit final : public PreTokenizer {
 public:
  void apply(PreTokenizedText& text) const override;
};

/// Runs of \w and runs of neither \w nor white space: `\w+|[^\w\s]+`.
class WhitespacePreTokenizer final : public PreTokenizer {
 public:
  void apply(PreTokenizedText& text) const override;
};

/// What becomes of the characters a text is split at; named as in tokenizer.json.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

class PunctuationPreTokenizer final : public PreTokenizer {
 public:
  explicit PunctuationPreTokenizer(SplitBehavior behavior) : behavior_(behavior) {}
  void apply(PreTokenizedText& text) const override;

 private:
  SplitBehavior behavior_;
};

class DigitsPreTokenizer final : public PreTokenizer {
 public:
  explicit DigitsPreTokenizer(bool individual_digits) : individual_digits_(individual_digits) {}
  void apply(PreTokenizedText& text) const override;

 private:
  bool individual_digits_;
};

struct SplitOptions {
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  ///< what lies between the matches is what the text is split at
};

/// Splits at a regular expression, known by hand or not, or at a literal.
class SplitPreTokenizer final : public PreTokenizer {
 public:
  using Pattern = std::variant<WordPattern, LiteralSearch, Regex>;
  SplitPreTokenizer(Pattern pattern, const SplitOptions& options) : pattern_(std::move(pattern)), options_(options) {}
  void apply(PreTokenizedText& text) const override;

  /// The pattern if it only cuts the text into its matches, all kept.
  [[nodiscard]] std::optional<WordPattern> words_isolated() const;

 private:
  Pattern pattern_;
  SplitOptions options_;
};

/// `length` characters each; the last may have fewer.
class FixedLengthPreTokenizer final : public PreTokenizer {
 public:
  static constexpr std::int64_t kDefaultLength = 5;
  explicit FixedLengthPreTokenizer(std::size_t length) : length_(length) {}
  void apply(PreTokenizedText& text) const override;

 private:
  std::size_t length_;
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(PreTokenizedText& text) const override;
  [[nodiscard]] const std::vector<std::unique_ptr<const PreTokenizer>>& steps() const { return steps_; }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

}  // namespace valence::tokenizer

/// \file
/// The way back: decoders of tokenizer.json, which turn tokens into the text they stand for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/regex.h"

namespace valence::tokenizer {

/// Rewrites a list of tokens; the text is what the last decoder leaves, joined. Immutable, thread-safe.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// `tokens` are valid UTF-8 before and after. Errors: more than kMaxDecodedBytes, a regular expression that gives up.
  virtual Status apply(std::vector<std::string>& tokens) const = 0;
};

/// Replacements may multiply; no text needs more.
inline constexpr std::size_t kMaxDecodedBytes = 4ULL << 20;

/// A token without the prefix begins a new word: a space goes before it, but not before the first.
class WordPieceDecoder final : public Decoder {
 public:
  /// `cleanup` takes away spaces before punctuation and in English contractions.
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  std::string prefix_;
  bool cleanup_;
};

/// Characters that stand for bytes become these; a token with any other character is taken as it is.
class ByteLevelDecoder final : public Decoder {
 public:
  Status apply(std::vector<std::string>& tokens) const override;
};

/// The character that stands for a space becomes one; in the first token it goes if one was put there by encoding.
class MetaspaceDecoder final : public Decoder {
 public:
  MetaspaceDecoder(char32_t replacement, bool prepends) : replacement_(replacement), prepends_(prepends) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  char32_t replacement_;
  bool prepends_;
};

/// The suffix that ends a word becomes a space; of the last token it goes.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  std::string suffix_;
};

class ReplaceDecoder final : public Decoder {
 public:
  using Pattern = std::variant<std::string, Regex>;  // a literal is not empty
  ReplaceDecoder(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  Pattern pattern_;
  std::string content_;
};

/// Up to `start` and `stop` times the character at the ends of every token.
class StripDecoder final : public Decoder {
 public:
  StripDecoder(char32_t content, std::size_t start, std::size_t stop) : content_(content), start_(start), stop_(stop) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  char32_t content_;
  std::size_t start_;
  std::size_t stop_;
};

/// All tokens become one.
class FuseDecoder final : public Decoder {
 public:
  Status apply(std::vector<std::string>& tokens) const override;
};

/// Runs of <0x41> become the text of these bytes; of a run that is no UTF-8 each becomes U+FFFD.
class ByteFallbackDecoder final : public Decoder {
 public:
  Status apply(std::vector<std::string>& tokens) const override;
};

/// Repeated tokens once, then without the padding token; see Graves et al. 2006 for why.
class CtcDecoder final : public Decoder {
 public:
  CtcDecoder(std::string pad_token, std::string word_delimiter_token, bool cleanup)
      : pad_token_(std::move(pad_token)), word_delimiter_token_(std::move(word_delimiter_token)), cleanup_(cleanup) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  std::string pad_token_;
  std::string word_delimiter_token_;
  bool cleanup_;
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<const Decoder>> steps) : steps_(std::move(steps)) {}
  Status apply(std::vector<std::string>& tokens) const override;

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

}  // namespace valence::tokenizer

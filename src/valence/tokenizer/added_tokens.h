/// \file
/// Tokens that are found in the text before the model sees it: [MASK], and whatever fine-tuning added.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/normalizers.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = false;   ///< is looked for in the normalized text, in its own normalized form
  bool special = false;

  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

/// Finds the leftmost, at each place the longest, of a set of strings.
class AddedTokenMatcher {
 public:
  struct Pattern {
    std::string text;  // not empty
    std::int32_t id;
    bool single_word;
    bool lstrip;
    bool rstrip;
  };
  AddedTokenMatcher() = default;
  /// Of equal texts the first counts.
  explicit AddedTokenMatcher(std::vector<Pattern> patterns);

  [[nodiscard]] bool empty() const { return patterns_.empty(); }

  /// Bytes [begin, end) of the text, an added token's or between two of them. After rstrip the next may overlap it.
  struct Section {
    std::size_t begin;
    std::size_t end;
    std::optional<std::int32_t> added_token_id;
  };
  /// The sections of a text in order, found as they are asked for.
  class Sections {
   public:
    Sections(const AddedTokenMatcher& matcher, std::string_view text) : matcher_(matcher), text_(text) {}
    [[nodiscard]] std::optional<Section> next();

   private:
    const AddedTokenMatcher& matcher_;
    std::string_view text_;
    std::size_t search_from_ = 0;
    std::size_t told_until_ = 0;
    std::optional<Section> waiting_;
  };

 private:
  struct Match {
    std::size_t begin;
    const Pattern* pattern;
  };
  [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;
  [[nodiscard]] const Pattern* longest_at(std::string_view text, std::size_t at) const;

  std::vector<Pattern> patterns_;  // sorted by text
  std::array<bool, 256> starts_pattern_{};
  std::optional<char> only_start_;  // set if all patterns start alike: "[" for BERT
};

/// All added tokens of a tokenizer. Immutable, thread-safe.
class AddedTokens {
 public:
  /// Gives ids as Hugging Face does: a token that `vocabulary` has keeps that id, others follow it. A file that says
  /// otherwise is refused. `normalizer` may be null. `where` is how errors name the list.
  static Result<AddedTokens> build(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary,
                                   const Normalizer* normalizer, const std::string& where);

  /// For the original text, and for the normalized text between the former's matches.
  [[nodiscard]] const AddedTokenMatcher& in_original() const { return in_original_; }
  [[nodiscard]] const AddedTokenMatcher& in_normalized() const { return in_normalized_; }

  /// Ascending by id; the ids need not lie outside the vocabulary.
  [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }
  /// How the token with this id is shown and decoded: a normalized one in its normalized form, as the reference (0.23)
  /// has it. Nothing for an id that is no added token's.
  [[nodiscard]] std::optional<std::string_view> spelling(std::int64_t id) const;
  /// Whether a special token has this content.
  [[nodiscard]] bool is_special(std::string_view content) const;
  [[nodiscard]] std::int64_t highest_id() const { return tokens_.empty() ? -1 : tokens_.back().id; }

 private:
  std::vector<AddedToken> tokens_;
  std::vector<std::string> spellings_;  // of tokens_, by index
  AddedTokenMatcher in_original_;
  AddedTokenMatcher in_normalized_;
};

}  // namespace valence::tokenizer

/// \file
/// The tokens of a model and their ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/token_table.h"

namespace valence::tokenizer {

constexpr std::size_t kMaxVocabularyTokens = 4'000'000;

/// Tokens as they are read, before they are checked. The bytes of all stand in one string.
struct VocabularyEntries {
  struct Entry {
    std::uint32_t offset;
    std::uint32_t size;
    std::int64_t id;
  };
  std::string arena;
  std::vector<Entry> entries;

  void add(std::string_view token, std::int64_t id) {
    entries.push_back({static_cast<std::uint32_t>(arena.size()), static_cast<std::uint32_t>(token.size()), id});
    arena += token;
  }
};

/// What a token that occurs twice means: an error, or that the later id counts, and then whether the earlier id is that
/// token's too (Unigram's list) or nobody's (vocab.txt), as Hugging Face reads them.
enum class RepeatedToken { kRefused, kLaterWins, kLaterFound };

/// Immutable, thread-safe. Every id is in [0, 2^31 - 1) and belongs to one token; kLaterFound apart, a token has one
/// id.
class Vocabulary {
 public:
  /// `where` is how errors name the place of the vocabulary.
  static Result<Vocabulary> build(VocabularyEntries entries, RepeatedToken repeated, const std::string& where);

  [[nodiscard]] std::optional<std::int32_t> find(std::string_view token) const;
  /// From token bytes to ids, all tokens.
  [[nodiscard]] const TokenTable& table() const { return table_; }
  /// Nothing for an id that is not in use. The view lives as long as this object.
  [[nodiscard]] std::optional<std::string_view> token(std::int32_t id) const;

  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] std::int64_t highest_id() const { return by_id_.empty() ? -1 : by_id_.back().id; }

  /// A token and its place in arena(), by ascending id.
  struct Token {
    std::uint32_t offset;
    std::uint32_t size;
    std::int32_t id;
  };
  [[nodiscard]] const std::vector<Token>& tokens() const { return by_id_; }
  [[nodiscard]] std::string_view arena() const { return *arena_; }
  [[nodiscard]] std::string_view text_of(const Token& token) const { return arena().substr(token.offset, token.size); }

 private:
  Vocabulary() = default;

  std::unique_ptr<const std::string> arena_;  // its bytes stay put when the vocabulary moves
  TokenTable table_;
  std::vector<Token> by_id_;
};

}  // namespace valence::tokenizer

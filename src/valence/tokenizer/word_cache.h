/// \file
/// The tokens of words met before. Natural text repeats its words: most of byte-pair encoding is looking them up.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "valence/tokenizer/model.h"
#include "valence/tokenizer/token_table.h"

namespace valence::tokenizer {

/// One a thread, of fixed size, shared by all models of the process: an entry says whose it is. A word has one place;
/// the last to come keeps it. Long words and words of many tokens are not kept.
class WordCache {
 public:
  static constexpr std::size_t kMaxWordBytes = 26;
  static constexpr std::size_t kMaxTokens = 8;

  /// One cache line.
  struct Entry {
    std::uint32_t owner = 0;  // 0: none
    std::uint8_t size_bytes = 0;
    std::uint8_t tokens = 0;
    std::array<char, kMaxWordBytes> bytes{};
    std::array<std::int32_t, kMaxTokens> ids{};

    [[nodiscard]] bool holds(std::uint32_t who, std::string_view word) const {
      return owner == who && size_bytes == word.size() && std::memcmp(bytes.data(), word.data(), word.size()) == 0;
    }
  };
  /// Where in the word each token ends, apart because classification does not ask.
  using Ends = std::array<std::uint8_t, kMaxTokens>;

  WordCache() : entries_(kEntries), ends_(kEntries) {}

  [[nodiscard]] static WordCache& of_this_thread() {
    static thread_local WordCache cache;
    return cache;
  }
  /// A number no other owner has.
  [[nodiscard]] static std::uint32_t new_owner();

  /// emit(id, begin, end) for each token of `word`: as kept, or as tokenize(tokens) appends them. Kept are those that
  /// follow each other from byte 0 on.
  template <class Tokenize, class Emit>
  void for_each_token(std::uint32_t owner, std::string_view word, Tokenize tokenize, Emit emit) {
    const bool short_word = word.size() <= kMaxWordBytes;
    const std::size_t place = short_word ? (hash_bytes(word.data(), word.size()) + owner) % kEntries : 0;
    if (short_word && entries_[place].holds(owner, word)) {
      const Entry& known = entries_[place];
      std::uint32_t begin = 0;
      for (std::size_t i = 0; i < known.tokens; ++i) {
        const std::uint32_t end = ends_[place][i];
        emit(known.ids[i], begin, end);
        begin = end;
      }
      return;
    }
    fresh_.clear();
    tokenize(fresh_);
    if (short_word && fresh_.size() <= kMaxTokens && fresh_follow_each_other()) store(place, owner, word);
    for (const auto& token : fresh_) emit(token.id, token.begin, token.end);
    if (fresh_.capacity() > kMaxFreshTokens) fresh_ = {};
  }

 private:
  static constexpr std::size_t kEntries = 8192;
  static constexpr std::size_t kMaxFreshTokens = 4096;  // that stay allocated

  [[nodiscard]] bool fresh_follow_each_other() const;
  void store(std::size_t place, std::uint32_t owner, std::string_view word);

  std::vector<Entry> entries_;
  std::vector<Ends> ends_;
  std::vector<ModelToken> fresh_;  // of a word that is not here
};

}  // namespace valence::tokenizer

/// \file
/// Unigram: of all ways to cut a word into tokens, the one whose scores add up to most.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/model.h"
#include "valence/tokenizer/token_trie.h"
#include "valence/tokenizer/word_cache.h"

namespace valence::tokenizer {

/// Tokens as they are read, with their logarithms of probability. Ids count from 0 in the order of the file.
struct ScoredVocabulary {
  VocabularyEntries entries;
  std::vector<double> scores;  ///< by id

  void add(std::string_view token, double score) {
    entries.add(token, static_cast<std::int64_t>(entries.entries.size()));
    scores.push_back(score);
  }
};

struct UnigramOptions {
  std::int64_t unk_id = 0;
  bool byte_fallback = false;  ///< unknown characters become tokens <0x00> to <0xFF>, if there are such
};

/// Immutable, thread-safe. Source: encode_optimized of Hugging Face tokenizers, which follows SentencePiece's
/// unigram_model.cc: sums in f64 from left to right; of equal sums the one found first stays, that is the one whose
/// last token is longest; an unknown character scores 10 below the lowest token, and neighbouring ones are one token.
class Unigram final : public Model {
 public:
  /// `where` is how errors name the model. Of equal tokens the later one counts.
  static Result<std::unique_ptr<const Unigram>> build(ScoredVocabulary vocabulary, const UnigramOptions& options,
                                                      const std::string& where);

  /// Time and memory are linear in the word, for tokens of bounded size. All byte tokens of an unknown stretch tell all
  /// of its bytes, as in the reference.
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

  /// The same: emit(id, begin, end), in bytes of the word. `cache` is this thread's.
  template <class Emit>
  void for_each_token(std::string_view word, WordCache& cache, Emit emit) const {
    const auto tokenize_word = [this, word](std::vector<ModelToken>& tokens) { find_best_path(word, tokens); };
    cache.for_each_token(words_, word, tokenize_word, emit);
  }

 private:
  explicit Unigram(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)), trie_(vocabulary_) {}

  void find_best_path(std::string_view word, std::vector<ModelToken>& tokens) const;
  void append_unknown(std::string_view unknown, std::uint32_t begin, std::vector<ModelToken>& tokens) const;

  Vocabulary vocabulary_;
  TokenTrie trie_;
  std::vector<double> scores_;  // by id
  double unk_score_ = 0;
  std::int32_t unk_id_ = 0;
  bool byte_fallback_ = false;
  std::array<std::int32_t, 256> fallback_ids_{};  // of <0x00> and so on; kAbsent where there is none
  std::uint32_t words_ = WordCache::new_owner();
};

}  // namespace valence::tokenizer

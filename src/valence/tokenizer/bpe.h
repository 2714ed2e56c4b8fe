/// \file
/// Byte-pair encoding: a word's characters merge pair by pair, the pair learned earliest first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/merge_rules.h"
#include "valence/tokenizer/merge_table.h"
#include "valence/tokenizer/model.h"
#include "valence/tokenizer/word_cache.h"

namespace valence::tokenizer {

struct BpeOptions {
  std::optional<std::string> unk_token = std::nullopt;  ///< absent: unknown characters vanish
  std::string continuing_subword_prefix = {};           ///< before every character of a word but the first
  std::string end_of_word_suffix = {};                  ///< after the last character of a word
  bool fuse_unk = false;                                ///< neighbouring unknown characters become one token
  bool byte_fallback = false;  ///< unknown characters become tokens <0x00> to <0xFF>, if there are such
  bool ignore_merges = false;  ///< a word that is a token stays whole
};

class Bpe final : public Model {
 public:
  /// `where` is how errors name the model. Every merge must join two tokens into a third.
  static Result<std::unique_ptr<const Bpe>> build(Vocabulary vocabulary, const MergeRules& merges,
                                                  const BpeOptions& options, const std::string& where);

  /// Takes time n log n for n characters, whatever the merges. Where unknown characters vanish, the reference's tokens
  /// tell bytes of what is left of the word; so do these.
  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

  /// Whether any bytes can be spelled in the vocabulary's byte characters, so that for_each_byte_token may be called.
  [[nodiscard]] bool marks_continuation() const { return !options_.continuing_subword_prefix.empty(); }
  [[nodiscard]] bool spells_all_bytes() const { return spells_all_bytes_; }

  /// The tokens of a word of plain bytes, as if each were spelled as its byte character: emit(id, begin, end), in bytes
  /// of the word. `cache` is this thread's.
  template <class Emit>
  void for_each_byte_token(std::string_view word, WordCache& cache, Emit emit) const {
    const auto tokenize_word = [this, word](std::vector<ModelToken>& tokens) { tokenize_bytes(word, tokens); };
    cache.for_each_token(byte_words_, word, tokenize_word, emit);
  }

 private:
  /// A token of the word so far: `id` covers `size` bytes.
  struct Symbol {
    std::int32_t id;
    std::uint32_t size;
  };
  class Spelling;

  explicit Bpe(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  Status read_merges(const MergeRules& merges, const std::string& where);
  void find_byte_tokens();

  void tokenize_characters(std::string_view word, std::vector<ModelToken>& tokens) const;
  void tokenize_bytes(std::string_view word, std::vector<ModelToken>& tokens) const;
  void merge(std::vector<Symbol>& symbols, std::vector<ModelToken>& tokens) const;
  [[nodiscard]] std::size_t merge_short(Symbol* symbols, std::size_t size) const;
  [[nodiscard]] std::size_t merge_long(std::vector<Symbol>& symbols) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  MergeTable merges_;
  std::int32_t unk_id_ = TokenTable::kAbsent;
  std::array<std::int32_t, 256> fallback_ids_{};        // of <0x00> and so on; kAbsent where there is none
  std::array<std::int32_t, 256> byte_character_ids_{};  // of the byte-level characters
  bool spells_all_bytes_ = false;
  std::uint32_t words_ = WordCache::new_owner();       // the owner of words in the cache as `tokenize` gets them
  std::uint32_t byte_words_ = WordCache::new_owner();  // and of words of plain bytes
};

}  // namespace valence::tokenizer

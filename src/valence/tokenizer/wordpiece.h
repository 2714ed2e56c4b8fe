/// \file
/// WordPiece: a word becomes the longest tokens that match from the left, or one unknown token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/model.h"

namespace valence::tokenizer {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::int64_t max_input_chars_per_word = 100;
};

class WordPiece final : public Model {
 public:
  /// `where` is how errors name the model. The unknown token must be in the vocabulary.
  static Result<std::unique_ptr<const WordPiece>> build(Vocabulary vocabulary, const WordPieceOptions& options,
                                                        const std::string& where);

  void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

  [[nodiscard]] bool marks_continuation() const { return marks_continuation_; }

  /// The parts of `tokenize`, for callers that have counted the characters themselves.
  [[nodiscard]] std::size_t max_input_chars_per_word() const { return max_input_chars_per_word_; }
  [[nodiscard]] std::int32_t unk_id() const { return unk_id_; }
  /// The id of a word that is a token as a whole, or TokenTable::kAbsent.
  [[nodiscard]] std::int32_t find_whole(const char* bytes, std::size_t size) const {
    return size <= longest_token_bytes_ ? vocabulary_.table().find(bytes, size) : TokenTable::kAbsent;
  }
  /// For a word of at most max_input_chars_per_word characters that find_whole does not know.
  void tokenize_parts(std::string_view word, std::vector<ModelToken>& tokens) const;

 private:
  explicit WordPiece(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  Vocabulary vocabulary_;
  TokenTable continuing_;  // tokens that begin with the prefix, without it
  std::size_t longest_token_bytes_ = 0;
  std::size_t longest_continuing_bytes_ = 0;
  std::size_t max_input_chars_per_word_ = 0;
  std::int32_t unk_id_ = 0;
  bool marks_continuation_ = true;
};

}  // namespace valence::tokenizer

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/tokenizer_parts.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

constexpr std::string_view kPhantomSpace = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kContinuing = "##";

bool is_bracketed(std::string_view token) { return token.size() > 2 && token.front() == '[' && token.back() == ']'; }

/// The token as the checkpoint's vocab.txt had it.
std::string original_spelling(std::string_view token, bool is_control) {
  if (is_control) return std::string(token);
  if (token.starts_with(kPhantomSpace)) return std::string(token.substr(kPhantomSpace.size()));
  // Older converters have no control tokens and leave every [token] as it is.
  if (is_bracketed(token)) return std::string(token);
  return std::string(kContinuing) + std::string(token);
}

bool has_capital(std::string_view token) {
  return std::ranges::any_of(token, [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// Reads one vocabulary; the file's name is in every refusal.
class Builder {
 public:
  Builder(const GgmlVocabulary& vocabulary, const std::string& where) : given_(vocabulary), where_(where) {}

  Result<Tokenizer> build();

 private:
  void spell();
  [[nodiscard]] bool is_lowercased() const;

  const GgmlVocabulary& given_;
  const std::string& where_;
  std::vector<std::string> originals_;     // by id
  std::vector<std::string_view> spelled_;  // the same, as views
};

void Builder::spell() {
  originals_.reserve(given_.tokens.size());
  for (std::size_t id = 0; id < given_.tokens.size(); ++id) {
    originals_.push_back(original_spelling(given_.tokens[id], given_.type_of(id) == GgmlVocabulary::kControl));
  }
  spelled_.assign(originals_.begin(), originals_.end());
}

bool Builder::is_lowercased() const {
  if (given_.lowercase) return *given_.lowercase;
  // The vocabulary of a lower-casing tokenizer has no capital letters: no text could ever reach such a token.
  for (std::size_t id = 0; id < spelled_.size(); ++id) {
    const bool is_text = given_.type_of(id) <= GgmlVocabulary::kNormal && !is_bracketed(spelled_[id]);
    if (is_text && has_capital(spelled_[id])) return false;
  }
  return true;
}

Result<Tokenizer> Builder::build() {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(given_, where_));
  spell();
  const auto id_of = [&](std::optional<std::int64_t> id, std::string_view role, std::string_view spelling) {
    return ggml_special_id(id, role, spelling, spelled_, where_);
  };
  // What llama.cpp's older files call the beginning and the end of a text.
  VALENCE_TRY(const std::int64_t unk, id_of(given_.unk, "unknown", "[UNK]"));
  VALENCE_TRY(const std::int64_t cls, id_of(given_.cls ? given_.cls : given_.bos, "classification", "[CLS]"));
  VALENCE_TRY(const std::int64_t sep, id_of(given_.sep ? given_.sep : given_.eos, "separator", "[SEP]"));
  VocabularyEntries entries;
  for (std::size_t id = 0; id < spelled_.size(); ++id) entries.add(spelled_[id], static_cast<std::int64_t>(id));
  VALENCE_TRY(auto vocabulary, Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, where_));
  WordPieceOptions word_piece;
  word_piece.unk_token = originals_[static_cast<std::size_t>(unk)];
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), word_piece, where_));

  BertNormalizerOptions normalizer;
  normalizer.lowercase = is_lowercased();
  if (given_.strip_accents) normalizer.strip_accents = *given_.strip_accents;
  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->normalizer = std::make_unique<const BertNormalizer>(normalizer);
  parts->pre_tokenizer = std::make_unique<const BertPreTokenizer>();
  parts->model = std::move(model);
  parts->decoder = std::make_unique<const WordPieceDecoder>("##", true);
  VALENCE_TRY(const auto added, ggml_added_tokens(given_, spelled_, where_));
  VALENCE_TRY(parts->added_tokens,
              AddedTokens::build(added, parts->model->vocabulary(), parts->normalizer.get(), where_));
  parts->post_processor = PostProcessor::bert(static_cast<std::int32_t>(cls), static_cast<std::int32_t>(sep));
  parts->choose_fast_path();
  return Tokenizer(std::move(parts));
}

}  // namespace

Result<Tokenizer> build_ggml_word_piece(const GgmlVocabulary& vocabulary, const std::string& where) {
  return Builder(vocabulary, where).build();
}

}  // namespace valence::tokenizer

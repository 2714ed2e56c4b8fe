#include "valence/tokenizer/ggml_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/tokenizer/tokenizer_parts.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

constexpr std::string_view kPhantomSpace = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kContinuing = "##";
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

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
  Status spell();
  [[nodiscard]] std::int64_t type_of(std::size_t id) const { return given_.types ? (*given_.types)[id] : 0; }
  Result<std::int64_t> special_id(std::optional<std::int64_t> id, std::string_view role, std::string_view spelling);
  Result<std::vector<AddedToken>> added_tokens();
  [[nodiscard]] bool is_lowercased() const;
  [[nodiscard]] tl::unexpected<Error> invalid(std::string what) const {
    return fail(ErrorCode::kInvalidData, where_, std::move(what));
  }

  const GgmlVocabulary& given_;
  const std::string& where_;
  std::vector<std::string> spelled_;  // by id
};

Status Builder::spell() {
  if (given_.tokens.empty()) return invalid("tokenizer.ggml.tokens is empty");
  if (given_.types && given_.types->size() != given_.tokens.size()) {
    return invalid(fmt::format("tokenizer.ggml.tokens has {} elements, but tokenizer.ggml.token_type has {}",
                               given_.tokens.size(), given_.types->size()));
  }
  spelled_.reserve(given_.tokens.size());
  for (std::size_t id = 0; id < given_.tokens.size(); ++id) {
    spelled_.push_back(original_spelling(given_.tokens[id], type_of(id) == kControl));
  }
  return {};
}

Result<std::int64_t> Builder::special_id(std::optional<std::int64_t> id, std::string_view role,
                                         std::string_view spelling) {
  const auto size = static_cast<std::int64_t>(spelled_.size());
  if (id && (*id < 0 || *id >= size)) {
    return invalid(fmt::format("the {} token has the id {}, but there are {} tokens", role, *id, size));
  }
  if (id) return *id;
  const auto found = std::ranges::find(spelled_, spelling);
  if (found == spelled_.end()) {
    return invalid(fmt::format("says no id of its {} token, and {} is not in the vocabulary", role, spelling));
  }
  return found - spelled_.begin();
}

Result<std::vector<AddedToken>> Builder::added_tokens() {
  std::vector<AddedToken> tokens;
  const auto add = [&](std::int64_t id, bool special) {
    const std::string& content = spelled_[static_cast<std::size_t>(id)];
    const bool known = std::ranges::any_of(tokens, [&](const AddedToken& token) { return token.id == id; });
    if (content.empty() || known) return;
    tokens.push_back({.id = id, .content = content, .normalized = !special, .special = special});
  };
  for (const auto& [id, role] : {std::pair{given_.unk, "unknown"},
                                 {given_.sep, "separator"},
                                 {given_.pad, "padding"},
                                 {given_.cls, "classification"},
                                 {given_.mask, "mask"}}) {
    if (!id) continue;
    VALENCE_TRY(const std::int64_t checked, special_id(id, role, ""));
    add(checked, true);
  }
  // Far above what a checkpoint adds; each is compared with all before it.
  constexpr std::size_t kMaxAddedTokens = 10'000;
  for (std::size_t id = 0; id < spelled_.size(); ++id) {
    const std::int64_t type = type_of(id);
    if (type == kControl || type == kUserDefined) add(static_cast<std::int64_t>(id), type == kControl);
    if (tokens.size() > kMaxAddedTokens) {
      return invalid(fmt::format("has more than {} control and user-defined tokens", kMaxAddedTokens));
    }
  }
  return tokens;
}

bool Builder::is_lowercased() const {
  if (given_.lowercase) return *given_.lowercase;
  // The vocabulary of a lower-casing tokenizer has no capital letters: no text could ever reach such a token.
  for (std::size_t id = 0; id < spelled_.size(); ++id) {
    const bool is_text = type_of(id) <= 1 && !is_bracketed(spelled_[id]);
    if (is_text && has_capital(spelled_[id])) return false;
  }
  return true;
}

Result<Tokenizer> Builder::build() {
  VALENCE_TRY_STATUS(spell());
  VALENCE_TRY(const std::int64_t unk, special_id(given_.unk, "unknown", "[UNK]"));
  VALENCE_TRY(const std::int64_t cls, special_id(given_.cls, "classification", "[CLS]"));
  VALENCE_TRY(const std::int64_t sep, special_id(given_.sep, "separator", "[SEP]"));
  VocabularyEntries entries;
  for (std::size_t id = 0; id < spelled_.size(); ++id) entries.add(spelled_[id], static_cast<std::int64_t>(id));
  VALENCE_TRY(auto vocabulary, Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, where_));
  WordPieceOptions word_piece;
  word_piece.unk_token = spelled_[static_cast<std::size_t>(unk)];
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), word_piece, where_));

  BertNormalizerOptions normalizer;
  normalizer.lowercase = is_lowercased();
  if (given_.strip_accents) normalizer.strip_accents = *given_.strip_accents;
  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->normalizer = std::make_unique<const BertNormalizer>(normalizer);
  parts->pre_tokenizer = std::make_unique<const BertPreTokenizer>();
  parts->model = std::move(model);
  parts->decoder = std::make_unique<const WordPieceDecoder>("##", true);
  VALENCE_TRY(const auto added, added_tokens());
  VALENCE_TRY(parts->added_tokens,
              AddedTokens::build(added, parts->model->vocabulary(), parts->normalizer.get(), where_));
  parts->post_processor = PostProcessor::bert(static_cast<std::int32_t>(cls), static_cast<std::int32_t>(sep));
  parts->choose_fast_path();
  return Tokenizer(std::move(parts));
}

}  // namespace

Result<Tokenizer> build_from_ggml(const GgmlVocabulary& vocabulary, const std::string& where) {
  return Builder(vocabulary, where).build();
}

}  // namespace valence::tokenizer

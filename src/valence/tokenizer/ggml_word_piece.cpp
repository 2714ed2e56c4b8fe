#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/tokenizer_json.h"

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

  Result<std::string> build();

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

Result<std::string> Builder::build() {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(given_, where_));
  spell();
  const auto id_of = [&](std::optional<std::int64_t> id, std::string_view role, std::string_view spelling) {
    return ggml_special_id(id, role, spelling, spelled_, where_);
  };
  // What llama.cpp's older files call the beginning and the end of a text.
  VALENCE_TRY(const std::int64_t unk, id_of(given_.unk, "unknown", "[UNK]"));
  VALENCE_TRY(const std::int64_t cls, id_of(given_.cls ? given_.cls : given_.bos, "classification", "[CLS]"));
  VALENCE_TRY(const std::int64_t sep, id_of(given_.sep ? given_.sep : given_.eos, "separator", "[SEP]"));
  const auto token = [&](std::int64_t id) { return json_string(spelled_[static_cast<std::size_t>(id)]); };
  TokenizerJson json;
  json.normalizer = fmt::format(
      R"({{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":{},"lowercase":{}}})",
      given_.strip_accents ? (*given_.strip_accents ? "true" : "false") : "null", is_lowercased());
  json.pre_tokenizer = R"({"type":"BertPreTokenizer"})";
  json.decoder = R"({"type":"WordPiece","prefix":"##","cleanup":true})";
  json.post_processor =
      fmt::format(R"({{"type":"BertProcessing","sep":[{},{}],"cls":[{},{}]}})", token(sep), sep, token(cls), cls);
  json.model = fmt::format(R"({{"type":"WordPiece","unk_token":{},"continuing_subword_prefix":"##",)"
                           R"("max_input_chars_per_word":100,"vocab":{}}})",
                           token(unk), vocabulary_json(given_, spelled_));
  VALENCE_TRY(json.added_tokens, ggml_added_tokens(given_, spelled_, where_));
  return json.text();
}

}  // namespace

Result<std::string> ggml_word_piece_json(const GgmlVocabulary& vocabulary, const std::string& where) {
  return Builder(vocabulary, where).build();
}

}  // namespace valence::tokenizer

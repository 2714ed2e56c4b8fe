#include "valence/tokenizer/legacy_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "valence/base/utf8.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/unicode.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

std::string_view without_trailing_space(std::string_view line) {
  while (!line.empty()) {
    std::size_t last = line.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(line[last]) & 0xC0U) == 0x80U) --last;
    if (!has_flag(decode_utf8(line, last).value, kWhitespace)) break;
    line.remove_suffix(line.size() - last);
  }
  return line;
}

Result<Vocabulary> read_vocab_txt(std::string_view text, const std::string& source_name) {
  if (const auto invalid = find_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidData, source_name, fmt::format("invalid UTF-8 at byte {}", *invalid));
  }
  VocabularyEntries entries;
  while (!text.empty() && entries.entries.size() <= kMaxVocabularyTokens) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    entries.add(without_trailing_space(text.substr(0, end)), static_cast<std::int64_t>(entries.entries.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, source_name);
}

struct SpecialTokens {
  AddedToken unk, sep, pad, cls, mask;
};

Result<SpecialTokens> read_special_tokens(const std::optional<Json>& config) {
  SpecialTokens tokens;
  VALENCE_TRY(tokens.unk, named_special_token(config, "unk_token", "[UNK]"));
  VALENCE_TRY(tokens.sep, named_special_token(config, "sep_token", "[SEP]"));
  VALENCE_TRY(tokens.pad, named_special_token(config, "pad_token", "[PAD]"));
  VALENCE_TRY(tokens.cls, named_special_token(config, "cls_token", "[CLS]"));
  VALENCE_TRY(tokens.mask, named_special_token(config, "mask_token", "[MASK]"));
  return tokens;
}

}  // namespace

Result<std::shared_ptr<Tokenizer::Parts>> build_from_vocab_txt(std::string_view vocab_txt,
                                                               const std::string& source_name,
                                                               const std::optional<Json>& config) {
  BertNormalizerOptions normalizer;
  VALENCE_TRY(normalizer.lowercase, boolean_setting(config, "do_lower_case", true));
  VALENCE_TRY(normalizer.handle_chinese_chars, boolean_setting(config, "tokenize_chinese_chars", true));
  if (const auto strip_accents = config ? config->find("strip_accents") : std::nullopt) {
    VALENCE_TRY(normalizer.strip_accents, strip_accents->as_boolean());
  }
  VALENCE_TRY(const SpecialTokens special, read_special_tokens(config));
  VALENCE_TRY(auto vocabulary, read_vocab_txt(vocab_txt, source_name));
  WordPieceOptions word_piece;
  word_piece.unk_token = special.unk.content;
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), word_piece, source_name));

  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->normalizer = std::make_unique<const BertNormalizer>(normalizer);
  parts->pre_tokenizer = std::make_unique<const BertPreTokenizer>();
  parts->model = std::move(model);
  const std::array roles{special.unk, special.sep, special.pad, special.cls, special.mask};
  VALENCE_TRY(parts->added_tokens,
              collect_added_tokens(config, roles, MissingRole::kLeftOut, {}, parts->model->vocabulary(),
                                   parts->normalizer.get(), source_name));
  VALENCE_TRY(const std::int32_t cls_id, required_id(parts->added_tokens, special.cls, "classification", source_name));
  VALENCE_TRY(const std::int32_t sep_id, required_id(parts->added_tokens, special.sep, "separator", source_name));
  parts->post_processor = PostProcessor::bert(cls_id, sep_id);
  parts->choose_fast_path();
  return parts;
}

}  // namespace valence::tokenizer

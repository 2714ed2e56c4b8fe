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

constexpr RoleDefault kRoles[] = {{"unk_token", "[UNK]"},
                                  {"sep_token", "[SEP]"},
                                  {"pad_token", "[PAD]"},
                                  {"cls_token", "[CLS]"},
                                  {"mask_token", "[MASK]"}};

}  // namespace

Result<std::shared_ptr<Tokenizer::Parts>> build_from_vocab_txt(std::string_view vocab_txt,
                                                               const std::string& source_name,
                                                               const TokenSettings& settings) {
  BertNormalizerOptions normalizer;
  VALENCE_TRY(normalizer.lowercase, settings.boolean("do_lower_case", true));
  VALENCE_TRY(normalizer.handle_chinese_chars, settings.boolean("tokenize_chinese_chars", true));
  if (const auto strip_accents = settings.find("strip_accents")) {
    VALENCE_TRY(normalizer.strip_accents, strip_accents->as_boolean());
  }
  VALENCE_TRY(const AddedToken unk, named_special_token(settings, "unk_token", "[UNK]"));
  VALENCE_TRY(const AddedToken sep, named_special_token(settings, "sep_token", "[SEP]"));
  VALENCE_TRY(const AddedToken cls, named_special_token(settings, "cls_token", "[CLS]"));
  VALENCE_TRY(auto vocabulary, read_vocab_txt(vocab_txt, source_name));
  WordPieceOptions word_piece;
  word_piece.unk_token = unk.content;
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), word_piece, source_name));

  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->normalizer = std::make_unique<const BertNormalizer>(normalizer);
  parts->pre_tokenizer = std::make_unique<const BertPreTokenizer>();
  parts->model = std::move(model);
  parts->decoder = std::make_unique<const WordPieceDecoder>("##", true);
  VALENCE_TRY(parts->added_tokens, collect_added_tokens(settings, {}, kRoles, {}, parts->model->vocabulary(),
                                                        parts->normalizer.get(), source_name));
  VALENCE_TRY(const std::int32_t cls_id, required_id(parts->added_tokens, cls, "classification", source_name));
  VALENCE_TRY(const std::int32_t sep_id, required_id(parts->added_tokens, sep, "separator", source_name));
  parts->post_processor = PostProcessor::bert(cls_id, sep_id);
  parts->choose_fast_path();
  return parts;
}

}  // namespace valence::tokenizer

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/merge_rules.h"
#include "valence/tokenizer/tokenizer_json.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {
namespace {

// SentencePiece makes tokens of 16 characters unless it is told otherwise. Every cut of a token may be a merge, so that
// longer ones would make much of a small file.
constexpr std::size_t kMaxCharacters = 64;

// Published models have about two for each token; a small file could name millions.
constexpr std::size_t kMaxCutsPerToken = 16;

/// A token and a place to cut it into two others.
struct Cut {
  std::string_view left, right;
  std::int32_t left_id = 0, right_id = 0;
  std::size_t left_characters = 0, right_characters = 0;
  double score = 0;
};

/// Where the characters of UTF-8 text begin, and its end.
std::vector<std::size_t> character_borders(std::string_view text) {
  std::vector<std::size_t> borders;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) borders.push_back(at);
  }
  borders.push_back(text.size());
  return borders;
}

/// The pairs that the model merges, the best first: SentencePiece ranks a pair by the score of what it makes. Source:
/// generate_merges of transformers, convert_slow_tokenizer.py.
Result<MergeRules> rank_merges(const GgmlVocabulary& given, const Vocabulary& vocabulary, const std::string& where) {
  constexpr std::size_t kAlways = 1024;  // in vocabularies of a few tokens
  const std::size_t most = std::min(kMaxMerges, kAlways + kMaxCutsPerToken * given.tokens.size());
  std::vector<Cut> cuts;
  for (std::size_t id = 0; id < given.tokens.size(); ++id) {
    const std::int64_t type = given.type_of(id);
    // Those are found before the model sees the text, or no token has them.
    if (type == GgmlVocabulary::kControl || type == GgmlVocabulary::kUserDefined) continue;
    if (type == GgmlVocabulary::kUnused) continue;
    const std::string_view token = given.tokens[id];
    const auto borders = character_borders(token.substr(0, 4 * kMaxCharacters + 1));
    if (borders.size() > kMaxCharacters + 1) {
      return fail(ErrorCode::kInvalidData, where,
                  fmt::format("tokenizer.ggml.tokens: token {} has more than {} characters", id, kMaxCharacters));
    }
    const std::size_t first = cuts.size();
    for (std::size_t i = 1; i + 1 < borders.size(); ++i) {
      const std::string_view left = token.substr(0, borders[i]);
      const std::string_view right = token.substr(borders[i]);
      const auto left_id = vocabulary.find(left);
      const auto right_id = left_id ? vocabulary.find(right) : std::nullopt;
      if (!right_id) continue;
      cuts.push_back({left, right, *left_id, *right_id, i, borders.size() - 1 - i, (*given.scores)[id]});
    }
    if (cuts.size() > most) {
      return fail(ErrorCode::kInvalidData, where, fmt::format("its tokens merge in more than {} ways", most));
    }
    std::sort(cuts.begin() + static_cast<std::ptrdiff_t>(first), cuts.end(), [](const Cut& a, const Cut& b) {
      return std::tie(a.left_id, a.right_id) < std::tie(b.left_id, b.right_id);
    });
  }
  std::ranges::stable_sort(cuts, [](const Cut& a, const Cut& b) {
    return std::tie(a.score, a.left_characters, a.right_characters) >
           std::tie(b.score, b.left_characters, b.right_characters);
  });
  MergeRules rules;
  for (const Cut& cut : cuts) rules.add(cut.left, cut.right);
  return rules;
}

/// Spaces become visible, one more before the text.
std::string normalizer(bool add_space_prefix) {
  return fmt::format(
      R"({{"type":"Sequence","normalizers":[{}{{"type":"Replace","pattern":{{"String":" "}},"content":"\u2581"}}]}})",
      add_space_prefix ? R"({"type":"Prepend","prepend":"\u2581"},)" : "");
}

std::string decoder(bool strips_prefix) {
  return fmt::format(R"({{"type":"Sequence","decoders":[{{"type":"Replace","pattern":{{"String":"\u2581"}},)"
                     R"("content":" "}},{{"type":"ByteFallback"}},{{"type":"Fuse"}}{}]}})",
                     strips_prefix ? R"(,{"type":"Strip","content":" ","start":1,"stop":0})" : "");
}

}  // namespace

Result<std::string> ggml_sentencepiece_json(const GgmlVocabulary& vocabulary, const std::string& where) {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(vocabulary, where));
  const auto& tokens = vocabulary.tokens;
  if (!vocabulary.scores) {
    return fail(ErrorCode::kInvalidData, where, "the metadata has no key \"tokenizer.ggml.scores\"");
  }
  VALENCE_TRY(const std::int64_t unk, ggml_special_id(vocabulary.unk, "unknown", "<unk>", tokens, where));
  VALENCE_TRY(const std::int64_t bos, ggml_special_id(vocabulary.bos, "beginning", "<s>", tokens, where));
  VALENCE_TRY(const std::int64_t eos, ggml_special_id(vocabulary.eos, "end", "</s>", tokens, where));
  VocabularyEntries entries;
  for (std::size_t id = 0; id < tokens.size(); ++id) entries.add(tokens[id], static_cast<std::int64_t>(id));
  VALENCE_TRY(auto known, Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, where));
  VALENCE_TRY(const MergeRules merges, rank_merges(vocabulary, known, where));
  const auto special = [&](std::int64_t id) {
    return AroundTexts::Special{tokens[static_cast<std::size_t>(id)], static_cast<std::int32_t>(id)};
  };
  AroundTexts around;
  if (vocabulary.add_bos.value_or(true)) around.before.push_back(special(bos));
  if (vocabulary.add_eos.value_or(false)) around.after.push_back(special(eos));
  const bool prefix = vocabulary.add_space_prefix.value_or(true);
  TokenizerJson json;
  json.normalizer = normalizer(prefix);
  json.decoder = decoder(prefix);
  json.post_processor = around_each_json(around);
  json.model = fmt::format(R"({{"type":"BPE","dropout":null,"unk_token":{},"continuing_subword_prefix":null,)"
                           R"("end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,"ignore_merges":false,)"
                           R"("vocab":{},"merges":{}}})",
                           json_string(special(unk).content), vocabulary_json(vocabulary, tokens), merges_json(merges));
  VALENCE_TRY(json.added_tokens, ggml_added_tokens(vocabulary, tokens, where));
  return json.text();
}

}  // namespace valence::tokenizer

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/metaspace.h"
#include "valence/tokenizer/precompiled.h"
#include "valence/tokenizer/tokenizer_parts.h"
#include "valence/tokenizer/unigram.h"

namespace valence::tokenizer {
namespace {

/// White space ends words, and each begins with a visible space: XLMRobertaTokenizer of transformers.
std::unique_ptr<const PreTokenizer> words(bool add_space_prefix) {
  MetaspaceOptions metaspace;
  if (!add_space_prefix) metaspace.prepend_scheme = PrependScheme::kNever;
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<const WhitespaceSplit>());
  steps.push_back(std::make_unique<const MetaspacePreTokenizer>(metaspace));
  return std::make_unique<const PreTokenizerSequence>(std::move(steps));
}

Result<std::unique_ptr<const Normalizer>> normalizer(std::string_view charsmap, const std::string& where) {
  if (charsmap.empty()) return std::unique_ptr<const Normalizer>();
  VALENCE_TRY(auto map, CharacterMap::parse(charsmap, where + ": tokenizer.ggml.precompiled_charsmap"));
  return std::unique_ptr<const Normalizer>(std::make_unique<const Precompiled>(std::move(map)));
}

}  // namespace

Result<Tokenizer> build_ggml_unigram(const GgmlVocabulary& vocabulary, const std::string& where) {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(vocabulary, where));
  const auto& tokens = vocabulary.tokens;
  if (!vocabulary.scores)
    return fail(ErrorCode::kInvalidData, where, "the metadata has no key \"tokenizer.ggml.scores\"");
  VALENCE_TRY(const std::int64_t unk, ggml_special_id(vocabulary.unk, "unknown", "<unk>", tokens, where));
  VALENCE_TRY(const std::int64_t bos, ggml_special_id(vocabulary.bos, "beginning", "<s>", tokens, where));
  VALENCE_TRY(const std::int64_t eos, ggml_special_id(vocabulary.eos, "end", "</s>", tokens, where));
  ScoredVocabulary scored;
  // Rows after the last token have names too, and scores that would count as the lowest.
  std::size_t count = tokens.size();
  while (count > 0 && vocabulary.type_of(count - 1) == GgmlVocabulary::kUnused) --count;
  for (std::size_t id = 0; id < count; ++id) scored.add(tokens[id], (*vocabulary.scores)[id]);
  auto parts = std::make_shared<Tokenizer::Parts>();
  VALENCE_TRY(parts->model, Unigram::build(std::move(scored), {.unk_id = unk}, where));
  VALENCE_TRY(parts->normalizer, normalizer(vocabulary.precompiled_charsmap, where));
  const bool prefix = vocabulary.add_space_prefix.value_or(true);
  parts->pre_tokenizer = words(prefix);
  parts->decoder = std::make_unique<const MetaspaceDecoder>(kMetaspace, prefix);
  VALENCE_TRY(auto added, ggml_added_tokens(vocabulary, tokens, where));
  // As published tokenizers have it: the mask token takes the white space before it.
  for (AddedToken& token : added) token.lstrip = vocabulary.mask == token.id;
  VALENCE_TRY(parts->added_tokens,
              AddedTokens::build(added, parts->model->vocabulary(), parts->normalizer.get(), where));
  parts->post_processor = PostProcessor::roberta(static_cast<std::int32_t>(bos), static_cast<std::int32_t>(eos));
  parts->choose_fast_path();
  return Tokenizer(std::move(parts));
}

}  // namespace valence::tokenizer

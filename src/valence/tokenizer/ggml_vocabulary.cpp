#include "valence/tokenizer/ggml_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace valence::tokenizer {

Status check_ggml_vocabulary(const GgmlVocabulary& vocabulary, const std::string& where) {
  const std::size_t count = vocabulary.tokens.size();
  if (count == 0) return fail(ErrorCode::kInvalidData, where, "tokenizer.ggml.tokens is empty");
  const auto differs = [&](std::string_view key, std::size_t size) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("tokenizer.ggml.tokens has {} elements, but tokenizer.ggml.{} has {}", count, key, size));
  };
  if (vocabulary.types && vocabulary.types->size() != count) return differs("token_type", vocabulary.types->size());
  if (vocabulary.scores && vocabulary.scores->size() != count) return differs("scores", vocabulary.scores->size());
  return {};
}

Result<std::int64_t> ggml_special_id(std::optional<std::int64_t> id, std::string_view role, std::string_view spelling,
                                     const std::vector<std::string_view>& spelled, const std::string& where) {
  const auto size = static_cast<std::int64_t>(spelled.size());
  if (id && (*id < 0 || *id >= size)) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("the {} token has the id {}, but there are {} tokens", role, *id, size));
  }
  if (id) return *id;
  const auto found = spelling.empty() ? spelled.end() : std::ranges::find(spelled, spelling);
  if (found != spelled.end()) return found - spelled.begin();
  return fail(ErrorCode::kInvalidData, where,
              spelling.empty()
                  ? fmt::format("says no id of its {} token", role)
                  : fmt::format("says no id of its {} token, and {} is not in the vocabulary", role, spelling));
}

Result<std::vector<AddedToken>> ggml_added_tokens(const GgmlVocabulary& vocabulary,
                                                  const std::vector<std::string_view>& spelled,
                                                  const std::string& where) {
  // Far above what a checkpoint adds.
  constexpr std::size_t kMaxAddedTokens = 10'000;
  std::vector<AddedToken> tokens;
  std::set<std::int64_t> known;
  const auto add = [&](std::int64_t id, bool special) {
    const std::string_view content = spelled[static_cast<std::size_t>(id)];
    const bool unused = vocabulary.type_of(static_cast<std::size_t>(id)) == GgmlVocabulary::kUnused;
    if (unused || content.empty() || !known.insert(id).second) return;
    tokens.push_back({.id = id, .content = std::string(content), .normalized = !special, .special = special});
  };
  for (const auto& [id, role] : {std::pair{vocabulary.unk, "unknown"},
                                 {vocabulary.sep, "separator"},
                                 {vocabulary.pad, "padding"},
                                 {vocabulary.cls, "classification"},
                                 {vocabulary.mask, "mask"},
                                 {vocabulary.bos, "beginning"},
                                 {vocabulary.eos, "end"}}) {
    if (!id) continue;
    VALENCE_TRY(const std::int64_t checked, ggml_special_id(id, role, "", spelled, where));
    add(checked, true);
  }
  for (std::size_t id = 0; id < spelled.size(); ++id) {
    const std::int64_t type = vocabulary.type_of(id);
    const bool control = type == GgmlVocabulary::kControl;
    if (control || type == GgmlVocabulary::kUserDefined) add(static_cast<std::int64_t>(id), control);
    if (tokens.size() > kMaxAddedTokens) {
      return fail(ErrorCode::kInvalidData, where,
                  fmt::format("has more than {} control and user-defined tokens", kMaxAddedTokens));
    }
  }
  return tokens;
}

}  // namespace valence::tokenizer

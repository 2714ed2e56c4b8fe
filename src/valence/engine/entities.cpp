#include "valence/engine/entities.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "valence/base/utf8.h"
#include "valence/engine/postprocess.h"

namespace valence {
namespace {

constexpr std::string_view kOutside = "O";

/// A token, or with the strategies over words a word, on its way to an entity.
struct Tagged {
  std::string word;
  std::vector<float> scores;  // of a token, by tag
  std::size_t tag = 0;
  float score = 0;
  std::size_t start = 0;  // code points
  std::size_t end = 0;
  std::int32_t token = -1;
  bool continues_word = false;
};

std::size_t greatest(std::span<const float> scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// The tokens that are not special, each with its scores.
class TokenTagger {
 public:
  TokenTagger(const Tokenizer& tokenizer, std::string_view text, const Encoding& encoding)
      : tokenizer_(tokenizer),
        text_(to_code_points(text)),
        encoding_(encoding),
        unknown_id_(tokenizer.unknown_id()),
        marks_continuation_(tokenizer.marks_continuation()) {
    chars_before_.reserve(text.size() + 1);
    for (std::size_t i = 0, chars = 0; i < text.size(); ++chars) {
      const std::size_t end = i + utf8_size(text_[chars]);
      for (; i < end; ++i) chars_before_.push_back(chars);
    }
    chars_before_.push_back(text_.size());
  }

  Result<std::vector<Tagged>> tag(std::span<const float> logits, std::size_t num_tags) const {
    std::vector<std::int32_t> all(num_tags);
    std::iota(all.begin(), all.end(), 0);
    std::vector<Tagged> tagged;
    for (std::size_t i = 0; i < encoding_.ids.size(); ++i) {
      if (encoding_.special_tokens_mask[i] != 0) continue;
      const auto row = logits.subspan(i * num_tags, num_tags);
      VALENCE_TRY_STATUS(check_finite(row));
      Tagged& token = tagged.emplace_back(token_at(i));
      token.scores = to_prediction(row, all, ScoreFunction::kSoftmax).scores;
      token.tag = greatest(token.scores);
      token.score = token.scores[token.tag];
    }
    return tagged;
  }

 private:
  [[nodiscard]] Tagged token_at(std::size_t i) const {
    Tagged token;
    const std::int32_t id = encoding_.ids[i];
    token.word = tokenizer_.id_to_token(id).value_or("");
    token.start = chars_before_[encoding_.offsets[i].begin];
    token.end = chars_before_[encoding_.offsets[i].end];
    token.token = static_cast<std::int32_t>(i);
    if (marks_continuation_) {
      token.continues_word = to_code_points(token.word).size() != token.end - token.start;
    } else {
      // The pipeline's own guess: no space before the token nor at its beginning.
      const auto around = std::u32string_view(text_).substr(token.start == 0 ? 0 : token.start - 1, 2);
      token.continues_word = token.start > 0 && around.find(U' ') == std::u32string_view::npos;
    }
    if (id == unknown_id_) {
      token.word.clear();
      for (std::size_t c = token.start; c < token.end; ++c) append_utf8(token.word, text_[c]);
      token.continues_word = false;
    }
    return token;
  }

  const Tokenizer& tokenizer_;
  std::u32string text_;
  const Encoding& encoding_;
  std::optional<std::int32_t> unknown_id_;
  bool marks_continuation_;
  std::vector<std::size_t> chars_before_;  // by byte
};

Result<std::string> spell(const Tokenizer& tokenizer, std::span<const Tagged> tokens) {
  std::vector<std::string> words;
  for (const Tagged& token : tokens) words.push_back(token.word);
  return tokenizer.join_tokens(std::move(words));
}

/// One word of its tokens.
Result<Tagged> join_word(const Tokenizer& tokenizer, std::span<const Tagged> tokens, AggregationStrategy strategy) {
  Tagged word;
  VALENCE_TRY(word.word, spell(tokenizer, tokens));
  word.start = tokens.front().start;
  word.end = tokens.back().end;
  if (strategy == AggregationStrategy::kAverage) {
    std::vector<float> mean(tokens.front().scores.size());
    for (std::size_t tag = 0; tag < mean.size(); ++tag) {
      double sum = 0;
      for (const Tagged& token : tokens) sum += token.scores[tag];
      mean[tag] = static_cast<float>(sum / static_cast<double>(tokens.size()));
    }
    word.tag = greatest(mean);
    word.score = mean[word.tag];
    return word;
  }
  const auto surest = std::max_element(tokens.begin(), tokens.end(),
                                       [](const Tagged& a, const Tagged& b) { return a.score < b.score; });
  const Tagged& chosen = strategy == AggregationStrategy::kMax ? *surest : tokens.front();
  word.tag = chosen.tag;
  word.score = chosen.score;
  return word;
}

/// `join(run)` for each longest run in which continues(previous, next) holds throughout.
template <class Continues, class Join>
Status for_each_run(std::span<const Tagged> all, Continues continues, Join join) {
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() && continues(all[end - 1], all[end])) ++end;
    VALENCE_TRY_STATUS(join(all.subspan(begin, end - begin)));
    begin = end;
  }
  return {};
}

/// "B-PER" -> PER, begins; "PER" counts as a continuation.
struct TagName {
  std::string_view name;
  bool begins;
};
TagName split_tag(std::string_view tag) {
  if (tag.starts_with("B-")) return {tag.substr(2), true};
  if (tag.starts_with("I-")) return {tag.substr(2), false};
  return {tag, false};
}

Result<Entity> join_entity(const Tokenizer& tokenizer, std::span<const Tagged> run, const std::string& tag) {
  Entity entity;
  const auto hyphen = tag.find('-');
  entity.label = hyphen == std::string::npos ? tag : tag.substr(hyphen + 1);
  double sum = 0;
  for (const Tagged& part : run) sum += part.score;
  entity.score = static_cast<float>(sum / static_cast<double>(run.size()));
  VALENCE_TRY(entity.word, spell(tokenizer, run));
  entity.start_chars = run.front().start;
  entity.end_chars = run.back().end;
  return entity;
}

}  // namespace

Result<std::vector<Entity>> find_entities(const Tokenizer& tokenizer, std::string_view text, const Encoding& encoding,
                                          std::span<const float> logits, std::span<const std::string> tags,
                                          AggregationStrategy strategy) {
  VALENCE_TRY(std::vector<Tagged> tagged, TokenTagger(tokenizer, text, encoding).tag(logits, tags.size()));
  std::vector<Entity> entities;
  if (strategy == AggregationStrategy::kNone) {
    for (Tagged& token : tagged) {
      if (tags[token.tag] == kOutside) continue;
      entities.push_back({tags[token.tag], token.score, std::move(token.word), token.start, token.end, token.token});
    }
    return entities;
  }
  if (strategy != AggregationStrategy::kSimple) {
    std::vector<Tagged> words;
    VALENCE_TRY_STATUS(for_each_run(
        tagged, [](const Tagged&, const Tagged& next) { return next.continues_word; },
        [&](std::span<const Tagged> tokens) -> Status {
          VALENCE_TRY(auto word, join_word(tokenizer, tokens, strategy));
          words.push_back(std::move(word));
          return {};
        }));
    tagged = std::move(words);
  }
  VALENCE_TRY_STATUS(for_each_run(
      tagged,
      [&](const Tagged& previous, const Tagged& next) {
        const TagName tag = split_tag(tags[next.tag]);
        return tag.name == split_tag(tags[previous.tag]).name && !tag.begins;
      },
      [&](std::span<const Tagged> run) -> Status {
        VALENCE_TRY(auto entity, join_entity(tokenizer, run, tags[run.front().tag]));
        if (entity.label != kOutside) entities.push_back(std::move(entity));
        return {};
      }));
  return entities;
}

}  // namespace valence

#include "valence/tokenizer/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

constexpr std::size_t kMaxAddedTokenBytes = 1024;  // bounds the work at each byte of a text

/// The code point that ends before `end`; 0 < end.
DecodedCodePoint decode_before(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return decode_utf8(text, begin);
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const bool free_before = begin == 0 || !is_word(decode_before(text, begin).value);
  const bool free_after = end == text.size() || !is_word(decode_utf8(text, end).value);
  return free_before && free_after;
}

std::size_t skip_space_back(std::string_view text, std::size_t begin, std::size_t limit) {
  while (begin > limit) {
    const auto before = decode_before(text, begin);
    if (!has_flag(before.value, kWhitespace)) break;
    begin -= before.size_bytes;
  }
  return std::max(begin, limit);
}

std::size_t skip_space(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    const auto after = decode_utf8(text, end);
    if (!has_flag(after.value, kWhitespace)) break;
    end += after.size_bytes;
  }
  return end;
}

Result<std::string> normalized_form(const std::string& content, const Normalizer* normalizer,
                                    const std::string& where) {
  if (normalizer == nullptr) return content;
  NormalizedText text(content, 0);
  normalizer->apply(text);
  if (text.gave_up()) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("the normalizer makes more than {} characters of added token {}", text.most_chars(),
                            in_quotes(content)));
  }
  std::string form;
  text.append_utf8_of(0, text.size(), form);
  return form;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  const auto by_text = [](const Pattern& a, const Pattern& b) { return a.text < b.text; };
  std::stable_sort(patterns_.begin(), patterns_.end(), by_text);
  const auto repeated = std::unique(patterns_.begin(), patterns_.end(),
                                    [](const Pattern& a, const Pattern& b) { return a.text == b.text; });
  patterns_.erase(repeated, patterns_.end());
  for (const auto& pattern : patterns_) starts_pattern_[static_cast<unsigned char>(pattern.text.front())] = true;
  if (!patterns_.empty() && patterns_.front().text.front() == patterns_.back().text.front()) {
    only_start_ = patterns_.front().text.front();
  }
}

const AddedTokenMatcher::Pattern* AddedTokenMatcher::longest_at(std::string_view text, std::size_t at) const {
  const Pattern* longest = nullptr;
  // The patterns that begin with the bytes read so far are neighbours in the sorted list.
  auto first = patterns_.begin();
  auto last = patterns_.end();
  for (std::size_t depth = 0; first != last; ++depth) {
    if (first->text.size() == depth) {
      longest = &*first;
      if (++first == last) break;
    }
    if (at + depth == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto byte_of = [depth](const Pattern& p) { return static_cast<unsigned char>(p.text[depth]); };
    first = std::partition_point(first, last, [&](const Pattern& p) { return byte_of(p) < byte; });
    last = std::partition_point(first, last, [&](const Pattern& p) { return byte_of(p) == byte; });
  }
  return longest;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::find(std::string_view text, std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (only_start_) {
      const void* found = std::memchr(text.data() + at, *only_start_, text.size() - at);
      if (found == nullptr) return std::nullopt;
      at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    } else if (!starts_pattern_[static_cast<unsigned char>(text[at])]) {
      continue;
    }
    if (const Pattern* pattern = longest_at(text, at)) return Match{at, pattern};
  }
  return std::nullopt;
}

std::optional<AddedTokenMatcher::Section> AddedTokenMatcher::Sections::next() {
  if (waiting_) return std::exchange(waiting_, std::nullopt);
  while (const auto match = matcher_.find(text_, search_from_)) {
    const auto& pattern = *match->pattern;
    std::size_t begin = match->begin;
    std::size_t end = begin + pattern.text.size();
    // A match that is then discarded still uses up its bytes, and the next search does not skip what rstrip took:
    // so it is in the reference.
    search_from_ = end;
    if (pattern.single_word && !stands_alone(text_, begin, end)) continue;
    if (pattern.lstrip) begin = begin < told_until_ ? told_until_ : skip_space_back(text_, begin, told_until_);
    if (pattern.rstrip) end = skip_space(text_, end);
    if (begin >= end) continue;  // all of it is white space that the one before has taken
    const Section added{begin, end, pattern.id};
    const Section before{told_until_, begin, std::nullopt};
    told_until_ = end;
    if (before.begin >= before.end) return added;
    waiting_ = added;
    return before;
  }
  search_from_ = text_.size();
  if (told_until_ >= text_.size()) return std::nullopt;
  return Section{std::exchange(told_until_, text_.size()), text_.size(), std::nullopt};
}

Result<AddedTokens> AddedTokens::build(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary,
                                       const Normalizer* normalizer, const std::string& where) {
  AddedTokens added;
  std::unordered_map<std::string_view, std::size_t> index_of;  // into added.tokens_
  std::int64_t next_id = static_cast<std::int64_t>(vocabulary.size());
  added.tokens_.reserve(tokens.size());
  for (const auto& token : tokens) {
    if (token.content.empty()) continue;  // the reference skips it too
    if (token.content.size() > kMaxAddedTokenBytes) {
      return fail(ErrorCode::kUnsupported, where,
                  fmt::format("an added token of {} bytes, more than the {} allowed here", token.content.size(),
                              kMaxAddedTokenBytes));
    }
    const auto known = index_of.find(token.content);
    std::int64_t id = 0;
    if (known != index_of.end()) {
      id = added.tokens_[known->second].id;
    } else if (const auto in_vocabulary = vocabulary.find(token.content)) {
      id = *in_vocabulary;
    } else {
      id = next_id++;
      if (id > std::numeric_limits<std::int32_t>::max() - 1 || vocabulary.token(static_cast<std::int32_t>(id))) {
        return fail(ErrorCode::kInvalidData, where,
                    fmt::format("no id is free for added token \"{}\": the vocabulary has gaps", token.content));
      }
    }
    if (id != token.id) {
      return fail(
          ErrorCode::kInvalidData, where,
          fmt::format("added token \"{}\" has id {}, but the vocabulary makes it {}", token.content, token.id, id),
          "save the tokenizer again with Hugging Face tokenizers");
    }
    if (known != index_of.end()) {
      added.tokens_[known->second] = token;
    } else {
      added.tokens_.push_back(token);
      index_of.emplace(token.content, added.tokens_.size() - 1);
    }
  }
  std::sort(added.tokens_.begin(), added.tokens_.end(), [](const auto& a, const auto& b) { return a.id < b.id; });

  std::vector<AddedTokenMatcher::Pattern> original;
  std::vector<AddedTokenMatcher::Pattern> normalized;
  for (const auto& token : added.tokens_) {
    std::string text = token.content;
    if (token.normalized) {
      VALENCE_TRY(text, normalized_form(token.content, normalizer, where));
    }
    added.spellings_.push_back(text);
    if (text.empty()) continue;
    (token.normalized ? normalized : original)
        .push_back(
            {std::move(text), static_cast<std::int32_t>(token.id), token.single_word, token.lstrip, token.rstrip});
  }
  added.in_original_ = AddedTokenMatcher(std::move(original));
  added.in_normalized_ = AddedTokenMatcher(std::move(normalized));
  return added;
}

std::optional<std::string_view> AddedTokens::spelling(std::int64_t id) const {
  const auto found = std::lower_bound(tokens_.begin(), tokens_.end(), id,
                                      [](const AddedToken& token, std::int64_t value) { return token.id < value; });
  if (found == tokens_.end() || found->id != id) return std::nullopt;
  return spellings_[static_cast<std::size_t>(found - tokens_.begin())];
}

bool AddedTokens::is_special(std::string_view content) const {
  return std::any_of(tokens_.begin(), tokens_.end(),
                     [content](const AddedToken& token) { return token.special && token.content == content; });
}

}  // namespace valence::tokenizer

#include "valence/tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"

namespace valence::tokenizer {
namespace {

constexpr std::int64_t kMaxTokenId = INT32_MAX - 1;  // so that the highest id + 1 is still an id's type

bool by_ascending_id(const Vocabulary::Token& a, const Vocabulary::Token& b) { return a.id < b.id; }

}  // namespace

Result<Vocabulary> Vocabulary::build(VocabularyEntries read, RepeatedToken repeated, const std::string& where) {
  if (read.entries.empty()) return fail(ErrorCode::kInvalidData, where, "the vocabulary is empty");
  if (read.entries.size() > kMaxVocabularyTokens) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("has {} tokens, more than the {} allowed here", read.entries.size(), kMaxVocabularyTokens));
  }
  Vocabulary vocabulary;
  vocabulary.arena_ = std::make_unique<const std::string>(std::move(read.arena));
  vocabulary.table_ = TokenTable(vocabulary.arena_->data(), read.entries.size());
  vocabulary.by_id_.reserve(read.entries.size());
  bool any_repeated = false;
  for (const auto& entry : read.entries) {
    const auto token = vocabulary.arena().substr(entry.offset, entry.size);
    if (entry.id < 0 || entry.id > kMaxTokenId) {
      return fail(ErrorCode::kInvalidData, where,
                  fmt::format("token {} has id {}, expected 0 to {}", in_quotes(token), entry.id, kMaxTokenId));
    }
    const auto id = static_cast<std::int32_t>(entry.id);
    const auto inserted = vocabulary.table_.insert(entry.offset, entry.size, id);
    if (!inserted.stored) {
      return fail(ErrorCode::kInvalidData, where, "its tokens are made to collide in a hash table");
    }
    if (inserted.previous_id != TokenTable::kAbsent) {
      any_repeated = true;
      if (repeated == RepeatedToken::kRefused) {
        return fail(ErrorCode::kInvalidData, where,
                    fmt::format("token {} has two ids, {} and {}", in_quotes(token), inserted.previous_id, id));
      }
    }
    vocabulary.by_id_.push_back({entry.offset, entry.size, id});
  }
  auto& tokens = vocabulary.by_id_;
  if (!std::is_sorted(tokens.begin(), tokens.end(), by_ascending_id)) {
    std::sort(tokens.begin(), tokens.end(), by_ascending_id);
  }
  const auto twin = std::adjacent_find(tokens.begin(), tokens.end(), [](auto& a, auto& b) { return a.id == b.id; });
  if (twin != tokens.end()) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("tokens {} and {} have the same id {}", in_quotes(vocabulary.text_of(*twin)),
                            in_quotes(vocabulary.text_of(*std::next(twin))), twin->id));
  }
  if (any_repeated && repeated == RepeatedToken::kLaterWins) {  // the earlier ids no longer name a token
    std::erase_if(tokens, [&](const Token& token) { return vocabulary.find(vocabulary.text_of(token)) != token.id; });
  }
  return vocabulary;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  const std::int32_t id = table_.find(token);
  return id == TokenTable::kAbsent ? std::nullopt : std::optional(id);
}

std::optional<std::string_view> Vocabulary::token(std::int32_t id) const {
  const auto index = static_cast<std::size_t>(id);  // nearly all vocabularies have every id from 0 on
  if (id >= 0 && index < by_id_.size() && by_id_[index].id == id) return text_of(by_id_[index]);
  const auto found = std::lower_bound(by_id_.begin(), by_id_.end(), id,
                                      [](const Token& token, std::int32_t value) { return token.id < value; });
  if (found == by_id_.end() || found->id != id) return std::nullopt;
  return text_of(*found);
}

}  // namespace valence::tokenizer

#include "valence/tokenizer/wordpiece.h"

#include <fmt/format.h>

#include <algorithm>

namespace valence::tokenizer {
namespace {

/// A word's buffer has this many characters at most; checkpoints say 100.
constexpr std::int64_t kMaxInputCharsLimit = 1'000'000;
/// Matching tries every shorter end down from the longest token, so its length bounds the work per character.
constexpr std::size_t kMaxMatchBytes = 1024;
constexpr std::size_t kMaxUtf8Bytes = 4;

bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::size_t count_chars(std::string_view word) {
  return static_cast<std::size_t>(
      std::count_if(word.begin(), word.end(), [](char b) { return !is_continuation_byte(b); }));
}

struct Match {
  std::int32_t id;
  std::size_t size;  // 0: none
};

Match longest_match(const TokenTable& table, std::string_view rest, std::size_t longest_bytes) {
  std::size_t size = rest.size();
  if (size > longest_bytes) {
    size = longest_bytes;
    while (size > 0 && is_continuation_byte(rest[size])) --size;
  }
  while (size > 0) {
    if (const std::int32_t id = table.find(rest.data(), size); id != TokenTable::kAbsent) return {id, size};
    do {
      --size;
    } while (size > 0 && is_continuation_byte(rest[size]));
  }
  return {TokenTable::kAbsent, 0};
}

}  // namespace

Result<std::unique_ptr<const WordPiece>> WordPiece::build(Vocabulary vocabulary, const WordPieceOptions& options,
                                                          const std::string& where) {
  const auto unk_id = vocabulary.find(options.unk_token);
  if (!unk_id) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("the unknown token \"{}\" is not in the vocabulary", options.unk_token),
                "add it to the vocabulary, or name the one that is there");
  }
  if (options.max_input_chars_per_word < 0 || options.max_input_chars_per_word > kMaxInputCharsLimit) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("max_input_chars_per_word {}: expected 0 to {}", options.max_input_chars_per_word,
                            kMaxInputCharsLimit));
  }
  std::unique_ptr<WordPiece> model(new WordPiece(std::move(vocabulary)));
  model->unk_id_ = *unk_id;
  model->marks_continuation_ = !options.continuing_subword_prefix.empty();
  model->max_input_chars_per_word_ = static_cast<std::size_t>(options.max_input_chars_per_word);

  const Vocabulary& all = model->vocabulary_;
  const std::string& prefix = options.continuing_subword_prefix;
  const auto continues = [&](const Vocabulary::Token& token) { return all.text_of(token).starts_with(prefix); };
  const auto& tokens = all.tokens();
  model->continuing_ =
      TokenTable(all.arena().data(), static_cast<std::size_t>(std::count_if(tokens.begin(), tokens.end(), continues)));
  for (const auto& token : tokens) {
    model->longest_token_bytes_ = std::max<std::size_t>(model->longest_token_bytes_, token.size);
    if (!continues(token)) continue;
    const auto prefix_size = static_cast<std::uint32_t>(prefix.size());
    const std::uint32_t size = token.size - prefix_size;
    model->longest_continuing_bytes_ = std::max<std::size_t>(model->longest_continuing_bytes_, size);
    if (!model->continuing_.insert(token.offset + prefix_size, size, token.id).stored) {
      return fail(ErrorCode::kInvalidData, where, "its tokens are made to collide in a hash table");
    }
  }
  if (std::min(model->longest_token_bytes_, kMaxUtf8Bytes * model->max_input_chars_per_word_) > kMaxMatchBytes) {
    return fail(
        ErrorCode::kUnsupported, where,
        fmt::format("a token of {} bytes that words of {} characters can match: matching would take quadratic time",
                    model->longest_token_bytes_, model->max_input_chars_per_word_),
        fmt::format("remove tokens of more than {} bytes", kMaxMatchBytes));
  }
  return std::unique_ptr<const WordPiece>(std::move(model));
}

void WordPiece::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  const auto whole = ModelToken{unk_id_, 0, static_cast<std::uint32_t>(word.size())};
  if (word.size() > max_input_chars_per_word_ && count_chars(word) > max_input_chars_per_word_) {
    tokens.push_back(whole);
    return;
  }
  if (const std::int32_t id = find_whole(word.data(), word.size()); id != TokenTable::kAbsent) {
    tokens.push_back({id, whole.begin, whole.end});
    return;
  }
  tokenize_parts(word, tokens);
}

void WordPiece::tokenize_parts(std::string_view word, std::vector<ModelToken>& tokens) const {
  const std::size_t first_of_word = tokens.size();
  std::size_t begin = 0;
  while (begin < word.size()) {
    const std::string_view rest = word.substr(begin);
    const Match match = begin == 0 ? longest_match(vocabulary_.table(), rest, longest_token_bytes_)
                                   : longest_match(continuing_, rest, longest_continuing_bytes_);
    if (match.size == 0) {
      tokens.resize(first_of_word);
      tokens.push_back({unk_id_, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
    tokens.push_back({match.id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + match.size)});
    begin += match.size;
  }
}

}  // namespace valence::tokenizer

#include "valence/tokenizer/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr std::size_t kMaxKeptNodes = 1 << 16;  // that stay allocated between words

/// The best way to get to a place of the word: the last token on it, and the sum of all scores.
struct PathNode {
  double score;
  std::uint32_t begin;
  std::int32_t id;  // kAbsent: no way leads here
};

}  // namespace

Result<std::unique_ptr<const Unigram>> Unigram::build(ScoredVocabulary read, const UnigramOptions& options,
                                                      const std::string& where) {
  const auto size = static_cast<std::int64_t>(read.entries.entries.size());
  if (size > 0 && (options.unk_id < 0 || options.unk_id >= size)) {
    return fail(ErrorCode::kInvalidData, where,
                fmt::format("unk_id {}: expected the id of one of the {} tokens", options.unk_id, size));
  }
  for (std::size_t id = 0; id < read.scores.size(); ++id) {
    if (std::isfinite(read.scores[id])) continue;
    return fail(ErrorCode::kInvalidData, where, fmt::format("the score of token {} is not a finite number", id));
  }
  VALENCE_TRY(auto vocabulary,
              Vocabulary::build(std::move(read.entries), RepeatedToken::kLaterFound, fmt::format("{}.vocab", where)));
  std::unique_ptr<Unigram> model(new Unigram(std::move(vocabulary)));
  model->scores_ = std::move(read.scores);
  model->unk_score_ = *std::min_element(model->scores_.begin(), model->scores_.end()) - kUnknownPenalty;
  model->unk_id_ = static_cast<std::int32_t>(options.unk_id);
  model->byte_fallback_ = options.byte_fallback;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    model->fallback_ids_[byte] = model->vocabulary_.table().find(fmt::format("<0x{:02X}>", byte));
  }
  return std::unique_ptr<const Unigram>(std::move(model));
}

void Unigram::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  for_each_token(word, WordCache::of_this_thread(), [&tokens](std::int32_t id, std::uint32_t begin, std::uint32_t end) {
    tokens.push_back({id, begin, end});
  });
}

void Unigram::find_best_path(std::string_view word, std::vector<ModelToken>& tokens) const {
  static thread_local std::vector<PathNode> nodes;
  nodes.assign(word.size() + 1, {0, 0, TokenTable::kAbsent});
  for (std::size_t begin = 0; begin < word.size();) {
    const std::size_t character = decode_utf8(word, begin).size_bytes;
    const double score_so_far = nodes[begin].score;
    const auto offer = [&](std::int32_t id, std::size_t size, double score) {
      PathNode& node = nodes[begin + size];
      const double sum = score + score_so_far;
      if (node.id == TokenTable::kAbsent || sum > node.score) node = {sum, static_cast<std::uint32_t>(begin), id};
    };
    bool is_known = false;
    trie_.for_each_prefix(word.substr(begin), [&](std::int32_t id, std::size_t size) {
      offer(id, size, scores_[static_cast<std::size_t>(id)]);
      is_known = is_known || size == character;
    });
    if (!is_known) offer(unk_id_, character, unk_score_);
    begin += character;
  }
  const std::size_t first = tokens.size();
  for (auto end = static_cast<std::uint32_t>(word.size()); end > 0;) {  // from the last token to the first
    std::uint32_t begin = nodes[end].begin;
    if (nodes[end].id != unk_id_) {
      tokens.push_back({nodes[end].id, begin, end});
    } else {
      while (begin > 0 && nodes[begin].id == unk_id_) begin = nodes[begin].begin;
      append_unknown(word.substr(begin, end - begin), begin, tokens);
    }
    end = begin;
  }
  std::reverse(tokens.begin() + static_cast<std::ptrdiff_t>(first), tokens.end());
  if (nodes.size() > kMaxKeptNodes) nodes = {};
}

/// Appends the tokens of an unknown stretch, the last one first.
void Unigram::append_unknown(std::string_view unknown, std::uint32_t begin, std::vector<ModelToken>& tokens) const {
  const auto end = begin + static_cast<std::uint32_t>(unknown.size());
  // Together unknown characters may spell a token that scored too low: the reference looks them up again.
  if (const std::int32_t id = vocabulary_.table().find(unknown); id != TokenTable::kAbsent) {
    tokens.push_back({id, begin, end});
    return;
  }
  const auto id_of = [this](char byte) { return fallback_ids_[static_cast<unsigned char>(byte)]; };
  const bool spells_in_bytes = byte_fallback_ && std::all_of(unknown.begin(), unknown.end(), [&](char byte) {
                                 return id_of(byte) != TokenTable::kAbsent;
                               });
  if (!spells_in_bytes) {
    tokens.push_back({unk_id_, begin, end});
    return;
  }
  for (std::size_t i = unknown.size(); i-- > 0;) tokens.push_back({id_of(unknown[i]), begin, end});
}

}  // namespace valence::tokenizer

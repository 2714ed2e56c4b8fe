#include "valence/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer/byte_level.h"

namespace valence::tokenizer {
namespace {

/// Up to here looking at every pair for every merge is faster than a heap, and needs no memory.
constexpr std::size_t kShortWord = 48;

tl::unexpected<Error> no_such_token(std::string_view token, std::string_view why, std::string where) {
  return fail(ErrorCode::kInvalidData, std::move(where),
              fmt::format("{}: {} is not in the vocabulary", why, in_quotes(token)),
              "take the vocabulary and the merges from the same model");
}

}  // namespace

Result<std::unique_ptr<const Bpe>> Bpe::build(Vocabulary vocabulary, const MergeRules& merges,
                                              const BpeOptions& options, const std::string& where) {
  const bool affixed = !options.continuing_subword_prefix.empty() || !options.end_of_word_suffix.empty();
  if (options.byte_fallback && affixed) {
    return fail(ErrorCode::kUnsupported, where,
                "byte_fallback with a continuing_subword_prefix or an end_of_word_suffix: the bytes of the affix would "
                "become tokens of their own, which stand for nothing in the text",
                "use a model with one or the other");
  }
  std::unique_ptr<Bpe> model(new Bpe(std::move(vocabulary)));
  model->options_ = options;
  if (options.unk_token) {
    const auto unk_id = model->vocabulary_.find(*options.unk_token);
    if (!unk_id) return no_such_token(*options.unk_token, "unk_token", where);
    model->unk_id_ = *unk_id;
  }
  VALENCE_TRY_STATUS(model->read_merges(merges, where));
  model->find_byte_tokens();
  return std::unique_ptr<const Bpe>(std::move(model));
}

Status Bpe::read_merges(const MergeRules& merges, const std::string& where) {
  if (merges.rules.size() > kMaxMerges) {
    return fail(ErrorCode::kInvalidData, fmt::format("{}.merges", where),
                fmt::format("has {} merges, more than the {} allowed here", merges.rules.size(), kMaxMerges));
  }
  merges_ = MergeTable(merges.rules.size());
  const auto place = [&](std::size_t rank) { return fmt::format("{}.merges.{}", where, rank); };
  std::string joined;
  for (std::size_t rank = 0; rank < merges.rules.size(); ++rank) {
    const auto& rule = merges.rules[rank];
    const std::string_view arena = merges.arena;
    const auto left = arena.substr(rule.offset, rule.left_size);
    const auto right = arena.substr(rule.offset + rule.left_size, rule.right_size);
    const auto left_id = vocabulary_.find(left);
    if (!left_id) return no_such_token(left, "the left token", place(rank));
    const auto right_id = vocabulary_.find(right);
    if (!right_id) return no_such_token(right, "the right token", place(rank));
    if (!right.starts_with(options_.continuing_subword_prefix)) {
      return fail(ErrorCode::kInvalidData, place(rank),
                  fmt::format("the right token {} does not begin with the continuing_subword_prefix {}",
                              in_quotes(right), in_quotes(options_.continuing_subword_prefix)));
    }
    joined = left;
    joined += right.substr(options_.continuing_subword_prefix.size());
    const auto joined_id = vocabulary_.find(joined);
    if (!joined_id) return no_such_token(joined, "what the merge makes", place(rank));
    if (!merges_.insert(*left_id, *right_id, {static_cast<std::uint32_t>(rank), *joined_id})) {
      return fail(ErrorCode::kInvalidData, fmt::format("{}.merges", where), "are made to collide in a hash table");
    }
  }
  return {};
}

void Bpe::find_byte_tokens() {
  const TokenTable& table = vocabulary_.table();
  spells_all_bytes_ = options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
  std::string character;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    fallback_ids_[byte] = table.find(fmt::format("<0x{:02X}>", byte));
    character.clear();
    append_utf8(character, byte_characters()[byte]);
    byte_character_ids_[byte] = table.find(character);
    spells_all_bytes_ = spells_all_bytes_ && byte_character_ids_[byte] != TokenTable::kAbsent;
  }
}

/// Turns the characters of a word into its first symbols.
class Bpe::Spelling {
 public:
  Spelling(const Bpe& model, std::vector<Symbol>& symbols) : model_(model), symbols_(symbols) { symbols_.clear(); }

  void spell(std::string_view word) {
    for (std::size_t begin = 0; begin < word.size();) {
      const std::size_t end = begin + decode_utf8(word, begin).size_bytes;
      add(word.substr(begin, end - begin), begin == 0, end == word.size());
      begin = end;
    }
    flush_unknown();
  }

 private:
  void add(std::string_view character, bool first, bool last) {
    const std::int32_t id = find(character, first, last);
    if (id != TokenTable::kAbsent) {
      flush_unknown();
      symbols_.push_back({id, static_cast<std::uint32_t>(character.size())});
      return;
    }
    // An unknown character that waits stays waiting: bytes overtake it in the reference.
    if (model_.options_.byte_fallback && add_bytes(character)) return;
    if (model_.unk_id_ == TokenTable::kAbsent) return;
    if (!model_.options_.fuse_unk) flush_unknown();
    unknown_size_ += static_cast<std::uint32_t>(character.size());
  }

  std::int32_t find(std::string_view character, bool first, bool last) {
    const auto& options = model_.options_;
    const auto& table = model_.vocabulary_.table();
    const bool has_prefix = !first && !options.continuing_subword_prefix.empty();
    const bool has_suffix = last && !options.end_of_word_suffix.empty();
    if (!has_prefix && !has_suffix) return table.find(character);
    affixed_.clear();
    if (has_prefix) affixed_ += options.continuing_subword_prefix;
    affixed_ += character;
    if (has_suffix) affixed_ += options.end_of_word_suffix;
    return table.find(affixed_);
  }

  bool add_bytes(std::string_view character) {
    const auto id_of = [this](char byte) { return model_.fallback_ids_[static_cast<unsigned char>(byte)]; };
    for (const char byte : character) {
      if (id_of(byte) == TokenTable::kAbsent) return false;
    }
    for (const char byte : character) symbols_.push_back({id_of(byte), 1});
    return true;
  }

  void flush_unknown() {
    if (unknown_size_ > 0) symbols_.push_back({model_.unk_id_, unknown_size_});
    unknown_size_ = 0;
  }

  const Bpe& model_;
  std::vector<Symbol>& symbols_;
  std::uint32_t unknown_size_ = 0;  // bytes of unknown characters that are not a symbol yet
  std::string affixed_;
};

void Bpe::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  const auto tokenize_word = [this, word](std::vector<ModelToken>& fresh) { tokenize_characters(word, fresh); };
  const auto emit = [&tokens](std::int32_t id, std::uint32_t begin, std::uint32_t end) {
    tokens.push_back({id, begin, end});
  };
  WordCache::of_this_thread().for_each_token(words_, word, tokenize_word, emit);
}

void Bpe::tokenize_characters(std::string_view word, std::vector<ModelToken>& tokens) const {
  if (options_.ignore_merges) {
    if (const std::int32_t id = vocabulary_.table().find(word); id != TokenTable::kAbsent) {
      tokens.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  std::vector<Symbol> symbols;
  Spelling(*this, symbols).spell(word);
  merge(symbols, tokens);
}

void Bpe::tokenize_bytes(std::string_view word, std::vector<ModelToken>& tokens) const {
  if (options_.ignore_merges) {
    std::string spelled;
    for (const char byte : word) append_utf8(spelled, byte_characters()[static_cast<unsigned char>(byte)]);
    if (const std::int32_t id = vocabulary_.table().find(spelled); id != TokenTable::kAbsent) {
      tokens.push_back({id, 0, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  const auto symbol = [this](char byte) { return Symbol{byte_character_ids_[static_cast<unsigned char>(byte)], 1}; };
  if (word.size() > kShortWord) {
    std::vector<Symbol> symbols(word.size());
    std::transform(word.begin(), word.end(), symbols.begin(), symbol);
    merge(symbols, tokens);
    return;
  }
  std::array<Symbol, kShortWord> symbols;
  std::transform(word.begin(), word.end(), symbols.begin(), symbol);
  const std::size_t size = merge_short(symbols.data(), word.size());
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < size; ++i) {
    tokens.push_back({symbols[i].id, begin, begin + symbols[i].size});
    begin += symbols[i].size;
  }
}

void Bpe::merge(std::vector<Symbol>& symbols, std::vector<ModelToken>& tokens) const {
  const std::size_t size =
      symbols.size() <= kShortWord ? merge_short(symbols.data(), symbols.size()) : merge_long(symbols);
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < size; ++i) {
    tokens.push_back({symbols[i].id, begin, begin + symbols[i].size});
    begin += symbols[i].size;
  }
}

/// Merges in place and returns how many symbols are left. `size` is kShortWord at most.
std::size_t Bpe::merge_short(Symbol* symbols, std::size_t size) const {
  if (size < 2) return size;
  std::array<MergeTable::Merge, kShortWord> merges;  // of symbol i with the next
  for (std::size_t i = 0; i + 1 < size; ++i) merges[i] = merges_.find(symbols[i].id, symbols[i + 1].id);
  while (size > 1) {
    const auto* best = std::min_element(merges.data(), merges.data() + size - 1,
                                        [](const auto& a, const auto& b) { return a.rank < b.rank; });
    if (best->rank == MergeTable::kNoMerge) break;
    const auto at = static_cast<std::size_t>(best - merges.data());
    symbols[at] = {best->id, symbols[at].size + symbols[at + 1].size};
    std::copy(symbols + at + 2, symbols + size, symbols + at + 1);
    std::copy(merges.data() + at + 1, merges.data() + size - 1, merges.data() + at);
    --size;
    if (at + 1 < size) merges[at] = merges_.find(symbols[at].id, symbols[at + 1].id);
    if (at > 0) merges[at - 1] = merges_.find(symbols[at - 1].id, symbols[at].id);
  }
  return size;
}

/// The same through a heap of candidates and a list of symbols, for words of any length.
std::size_t Bpe::merge_long(std::vector<Symbol>& symbols) const {
  struct Link {
    std::size_t previous;
    std::size_t next;
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t id;
    std::size_t at;
  };
  const std::size_t size = symbols.size();
  const std::size_t none = size;
  std::vector<Link> links(size);
  for (std::size_t i = 0; i < size; ++i) links[i] = {i == 0 ? none : i - 1, i + 1};

  std::vector<Candidate> heap;  // the lowest rank on top, of equal ranks the leftmost
  const auto below = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto candidate = [&](std::size_t at) {
    const auto merge = merges_.find(symbols[at].id, symbols[links[at].next].id);
    return Candidate{merge.rank, merge.id, at};
  };
  for (std::size_t i = 0; i + 1 < size; ++i) {
    if (const Candidate found = candidate(i); found.rank != MergeTable::kNoMerge) heap.push_back(found);
  }
  std::make_heap(heap.begin(), heap.end(), below);
  const auto push = [&](std::size_t at) {
    const Candidate found = candidate(at);
    if (found.rank == MergeTable::kNoMerge) return;
    heap.push_back(found);
    std::push_heap(heap.begin(), heap.end(), below);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), below);
    const Candidate top = heap.back();
    heap.pop_back();
    // What has merged since makes candidates void: its left symbol is gone (size 0), or the pair is another now.
    if (symbols[top.at].size == 0 || links[top.at].next == none) continue;
    const Candidate now = candidate(top.at);
    if (now.rank == MergeTable::kNoMerge || now.id != top.id) continue;
    const std::size_t right = links[top.at].next;
    symbols[top.at] = {top.id, symbols[top.at].size + symbols[right].size};
    symbols[right].size = 0;
    links[top.at].next = links[right].next;
    if (links[right].next != none) {
      links[links[right].next].previous = top.at;
      push(top.at);
    }
    if (links[top.at].previous != none) push(links[top.at].previous);
  }
  const auto gone = [](const Symbol& symbol) { return symbol.size == 0; };
  return static_cast<std::size_t>(std::remove_if(symbols.begin(), symbols.end(), gone) - symbols.begin());
}

}  // namespace valence::tokenizer

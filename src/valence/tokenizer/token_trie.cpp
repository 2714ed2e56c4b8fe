#include "valence/tokenizer/token_trie.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace valence::tokenizer {

class TokenTrie::Builder {
 public:
  explicit Builder(std::vector<Unit>& units) : units_(units) {
    units_.clear();
    add_block();
    use(kRoot);
  }

  void build(const Vocabulary& vocabulary) {
    keys_.reserve(vocabulary.size());
    for (const auto& token : vocabulary.tokens()) {
      const auto text = vocabulary.text_of(token);
      if (!text.empty() && vocabulary.table().find(text) == token.id) keys_.push_back({text, token.id});
    }
    sorted_.resize(keys_.size());
    ranges_.push_back({0, keys_.size(), 0, kRoot});
    while (!ranges_.empty()) {
      const Range range = ranges_.back();
      ranges_.pop_back();
      expand(range);
    }
  }

 private:
  struct Key {
    std::string_view token;
    std::int32_t id;
  };
  /// Keys that agree in `depth` bytes, which lead to `node`.
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
    std::uint32_t node;
  };
  struct Child {
    unsigned char label;
    std::size_t begin;
    std::size_t end;
  };

  void expand(const Range& range) {
    group_by_byte(range);
    if (children_.empty()) return;
    const std::uint32_t base = find_base();
    units_[range.node].base = base;
    for (const Child& child : children_) {
      const std::uint32_t at = base ^ child.label;
      use(at);
      units_[at].parent = range.node;
      ranges_.push_back({child.begin, child.end, range.depth + 1, at});
    }
  }

  /// Sorts the keys of the range by their byte at its depth, into children_; one that ends there gives the node its id.
  void group_by_byte(const Range& range) {
    std::array<std::uint32_t, 257> count{};  // [0]: keys that end here
    const auto bucket = [&](const Key& key) {
      return key.token.size() == range.depth ? 0U : 1U + static_cast<unsigned char>(key.token[range.depth]);
    };
    children_.clear();
    if (range.end - range.begin == 1) {  // most ranges: the rest of one token
      const Key& key = keys_[range.begin];
      if (bucket(key) == 0) {
        units_[range.node].id = key.id;
      } else {
        children_.push_back({static_cast<unsigned char>(key.token[range.depth]), range.begin, range.end});
      }
      return;
    }
    for (std::size_t i = range.begin; i < range.end; ++i) ++count[bucket(keys_[i])];
    std::array<std::size_t, 257> next;
    std::size_t at = range.begin;
    for (std::size_t b = 0; b < count.size(); ++b) {
      next[b] = at;
      if (b > 0 && count[b] > 0) children_.push_back({static_cast<unsigned char>(b - 1), at, at + count[b]});
      at += count[b];
    }
    for (std::size_t i = range.begin; i < range.end; ++i) sorted_[next[bucket(keys_[i])]++] = keys_[i];
    std::copy(sorted_.begin() + static_cast<std::ptrdiff_t>(range.begin),
              sorted_.begin() + static_cast<std::ptrdiff_t>(range.end),
              keys_.begin() + static_cast<std::ptrdiff_t>(range.begin));
    if (count[0] > 0) units_[range.node].id = keys_[range.begin].id;
  }

  /// A base at which all of children_ find a free unit.
  std::uint32_t find_base() {
    if (children_.size() == 1) {  // fills what the others have left
      while (full(oldest_open_)) {
        if (++oldest_open_ == used_.size()) add_block();
      }
      return first_free(oldest_open_) ^ children_[0].label;
    }
    const std::size_t oldest = used_.size() - std::min(used_.size(), kBlocksTried);
    for (std::size_t block = used_.size(); block-- > oldest;) {
      if (const auto base = find_base_in(block)) return *base;
    }
    add_block();
    return *find_base_in(used_.size() - 1);  // an empty block takes any children
  }

  [[nodiscard]] std::optional<std::uint32_t> find_base_in(std::size_t block) const {
    const auto begin = static_cast<std::uint32_t>(block * 256);
    for (std::uint32_t word = 0; word < 4; ++word) {
      for (std::uint64_t free = ~used_[block][word]; free != 0; free &= free - 1) {
        const std::uint32_t slot = begin + word * 64 + static_cast<std::uint32_t>(std::countr_zero(free));
        const std::uint32_t base = slot ^ children_[0].label;
        const bool fits = std::all_of(children_.begin() + 1, children_.end(),
                                      [&](const Child& child) { return is_free(base ^ child.label); });
        if (fits) return base;
      }
    }
    return std::nullopt;
  }

  void add_block() {
    units_.resize(units_.size() + 256);
    used_.push_back({});
  }
  void use(std::uint32_t unit) { used_[unit / 256][unit % 256 / 64] |= std::uint64_t{1} << (unit % 64); }
  [[nodiscard]] bool is_free(std::uint32_t unit) const {
    return (used_[unit / 256][unit % 256 / 64] >> (unit % 64) & 1U) == 0;
  }
  [[nodiscard]] bool full(std::size_t block) const {
    return std::all_of(used_[block].begin(), used_[block].end(), [](std::uint64_t word) { return ~word == 0; });
  }
  [[nodiscard]] std::uint32_t first_free(std::size_t block) const {
    std::uint32_t word = 0;
    while (~used_[block][word] == 0) ++word;
    return static_cast<std::uint32_t>(block * 256) + word * 64 +
           static_cast<std::uint32_t>(std::countr_one(used_[block][word]));
  }

  // Older blocks are left to nodes with one child: few of the others would still fit, and looking takes time.
  static constexpr std::size_t kBlocksTried = 8;

  std::vector<Unit>& units_;
  std::vector<std::array<std::uint64_t, 4>> used_;  // a bit a unit, by blocks of 256
  std::size_t oldest_open_ = 0;
  std::vector<Key> keys_;
  std::vector<Key> sorted_;  // room for sorting
  std::vector<Range> ranges_;
  std::vector<Child> children_;  // of the range at hand
};

TokenTrie::TokenTrie(const Vocabulary& vocabulary) { Builder(units_).build(vocabulary); }

}  // namespace valence::tokenizer

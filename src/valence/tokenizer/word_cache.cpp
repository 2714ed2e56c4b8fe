#include "valence/tokenizer/word_cache.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace valence::tokenizer {

static_assert(sizeof(WordCache::Entry) == 64);

std::uint32_t WordCache::new_owner() {
  static std::atomic<std::uint32_t> owners{0};
  return ++owners;
}

bool WordCache::fresh_follow_each_other() const {
  std::uint32_t begin = 0;
  return std::all_of(fresh_.begin(), fresh_.end(),
                     [&begin](const ModelToken& token) { return token.begin == std::exchange(begin, token.end); });
}

void WordCache::store(std::size_t place, std::uint32_t owner, std::string_view word) {
  Entry& entry = entries_[place];
  entry.owner = owner;
  entry.size_bytes = static_cast<std::uint8_t>(word.size());
  entry.tokens = static_cast<std::uint8_t>(fresh_.size());
  std::copy(word.begin(), word.end(), entry.bytes.begin());
  for (std::size_t i = 0; i < fresh_.size(); ++i) {
    entry.ids[i] = fresh_[i].id;
    ends_[place][i] = static_cast<std::uint8_t>(fresh_[i].end);
  }
}

}  // namespace valence::tokenizer

#include "valence/bench/workload.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace valence::bench {
namespace {

// As many words as a long review has different ones.
constexpr std::size_t kWords = 500;

bool is_plain_word(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

std::vector<std::uint32_t> seeded_lengths(const LengthMix& mix, std::size_t count, std::uint32_t max_length) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> length(std::log(mix.median), mix.spread);
  const std::uint32_t longest = std::min(mix.longest, max_length);
  std::vector<std::uint32_t> lengths(count);
  for (std::uint32_t& value : lengths) {
    value = std::clamp(static_cast<std::uint32_t>(length(random)), std::min(mix.shortest, longest), longest);
  }
  return lengths;
}

Result<TextMaker> TextMaker::make(const Tokenizer& tokenizer, const std::string& source) {
  TextMaker maker;
  maker.special_tokens_ = tokenizer.num_special_tokens_to_add(false);
  const std::size_t size = tokenizer.base_vocabulary_size();
  // A step without a common factor with the size visits every id, frequent words (low ids) and rare ones mixed.
  std::size_t step = std::max<std::size_t>(1, size / 3);
  while (std::gcd(step, size) != 1) ++step;
  for (std::size_t i = 0, id = 0; i < size && maker.words_.size() < kWords; ++i, id = (id + step) % size) {
    const auto token = tokenizer.id_to_token(static_cast<std::int32_t>(id));
    if (!token || !is_plain_word(*token)) continue;
    const auto encoded = tokenizer.encode(*token, {.with_offsets = false});
    if (encoded && encoded->ids.size() == maker.special_tokens_ + 1) maker.words_.emplace_back(*token);
  }
  if (maker.words_.empty()) {
    return fail(ErrorCode::kUnsupported, source, "its vocabulary has no word of plain letters to make texts of",
                "measure with your own texts: time valence classify FILE");
  }
  return maker;
}

std::string TextMaker::text(std::uint32_t tokens) {
  std::string text;
  const std::size_t words = std::max<std::size_t>(1, tokens - std::min<std::size_t>(tokens, special_tokens_));
  for (std::size_t i = 0; i < words; ++i) {
    // A linear congruential generator's upper bits are random enough to choose words.
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    if (i > 0) text += ' ';
    text += words_[(state_ >> 33U) % words_.size()];
  }
  return text;
}

}  // namespace valence::bench

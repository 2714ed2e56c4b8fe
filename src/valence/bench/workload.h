/// \file
/// Texts to measure with, made from nothing: lengths like those of real collections, words of the model's vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer.h"

namespace valence::bench {

/// Log-normal lengths in tokens, cut at both ends.
struct LengthMix {
  std::string_view name;
  double median = 0;
  double spread = 0;  ///< standard deviation of the logarithm
  std::uint32_t shortest = 0;
  std::uint32_t longest = 0;
};

inline constexpr LengthMix kShortTexts{"like SST-2", 22, 0.5, 5, 60};
inline constexpr LengthMix kLongTexts{"like IMDB", 200, 0.5, 36, 512};

/// The same lengths for the same arguments, none over `max_length`.
[[nodiscard]] std::vector<std::uint32_t> seeded_lengths(const LengthMix& mix, std::size_t count,
                                                        std::uint32_t max_length);

/// Makes texts whose number of tokens is known beforehand.
class TextMaker {
 public:
  /// Looks for words of letters that `tokenizer` keeps whole. Errors: kUnsupported when its vocabulary has none.
  static Result<TextMaker> make(const Tokenizer& tokenizer, const std::string& source);

  /// A text of exactly `tokens` tokens, special ones counted (at least one word); seeded, each call another text.
  [[nodiscard]] std::string text(std::uint32_t tokens);

 private:
  std::vector<std::string> words_;
  std::size_t special_tokens_ = 0;
  std::uint64_t state_ = 20;
};

}  // namespace valence::bench

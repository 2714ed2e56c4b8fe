/// \file
/// A share of a whole, exactly as it was written: "10%" is 10 of 100, and no binary fraction near it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "valence/base/error.h"

namespace valence::alert {

struct Share {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;  ///< at most kMaxShareDenominator

  [[nodiscard]] double value() const { return static_cast<double>(numerator) / static_cast<double>(denominator); }
  /// As a percentage: "10 %", "0.5 %".
  [[nodiscard]] std::string to_string() const;
};

inline constexpr std::uint64_t kMaxShareDenominator = 100'000'000;

/// Whether hits / count > share, in integers. `count` at most 10^10; 0 of 0 exceeds nothing.
[[nodiscard]] inline bool exceeds(std::uint64_t hits, std::uint64_t count, const Share& share) {
  return hits * share.denominator > share.numerator * count;
}

/// "10%", "0.5 %" or "0.1", from 0 to 100 %, at most six decimals. Errors are kInvalidArgument.
Result<Share> parse_share(std::string_view text);

}  // namespace valence::alert

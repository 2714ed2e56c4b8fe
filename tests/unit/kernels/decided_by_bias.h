/// \file
/// Attention that its bias by distance alone decides, by thousands: a query's answer is the number of the key that
/// wins.
#pragma once

#include <vector>

#include "valence/kernels/attention.h"

namespace valence::kernels {

/// q and k of all tokens are alike, and huge. Distance 3 wins where it is seen, then the query's own key.
struct DecidedByBias {
  static constexpr int kLength = 70;
  static constexpr AttentionShape kShape{1, 16};
  std::vector<float> values = std::vector<float>(kLength * 48);  ///< q|k|v of each token
  std::vector<float> bias = std::vector<float>(2 * kLength - 1, -5000.0F);

  DecidedByBias() {
    bias[kLength - 1 + 3] = 5000.0F;
    bias[kLength - 1] = 0.0F;
    for (int t = 0; t < kLength; ++t) {
      values[t * 48] = values[t * 48 + 16] = 300.0F;
      values[t * 48 + 32] = static_cast<float>(t);
    }
  }
  /// Patterns that all see the winner.
  [[nodiscard]] std::vector<AttentionPattern> patterns() const {
    std::vector<AttentionPattern> patterns{
        AttentionPattern{}, {.causal = true}, {.window = 3}, {.causal = true, .window = 3}};
    for (AttentionPattern& pattern : patterns) pattern.relative_bias = bias.data() + kLength - 1;
    return patterns;
  }
  static float winner(int t) { return static_cast<float>(t < 3 ? t : t - 3); }
};

}  // namespace valence::kernels

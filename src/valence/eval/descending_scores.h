/// \file
/// Walking down the scores: after each group of equal ones, how many rows were passed and how many of them count.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "valence/base/check.h"

namespace valence::eval {

struct ScoreCut {
  double threshold = 0;      ///< half way to the next lower score; the lowest score itself at the end
  std::uint64_t rows = 0;    ///< with a score of at least `threshold`
  std::uint64_t marked = 0;  ///< those of them that are marked
};

/// Every way to cut the rows by score, highest threshold first.
[[nodiscard]] inline std::vector<ScoreCut> cuts_of(std::span<const float> scores, std::span<const std::uint8_t> marks) {
  VALENCE_ASSERT(scores.size() == marks.size(), "a mark a row");
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, std::ranges::greater(), [&](std::size_t row) { return scores[row]; });
  std::vector<ScoreCut> cuts;
  std::uint64_t marked = 0;
  for (std::size_t place = 0; place < order.size(); ++place) {
    marked += marks[order[place]] != 0 ? 1 : 0;
    const double score = scores[order[place]];
    const bool is_last = place + 1 == order.size();
    const double lower = is_last ? score : scores[order[place + 1]];
    if (lower == score && !is_last) continue;
    cuts.push_back({.threshold = (score + lower) / 2, .rows = place + 1, .marked = marked});
  }
  return cuts;
}

}  // namespace valence::eval

#include "valence/eval/thresholds.h"

#include "valence/eval/descending_scores.h"

namespace valence::eval {
namespace {

/// The best of the cuts by `is_better(candidate, best so far)`, of those that `may_be` allows.
template <class MayBe, class IsBetter>
std::optional<ThresholdChoice> best_cut(std::span<const float> scores, std::span<const std::uint8_t> is_true,
                                        MayBe may_be, IsBetter is_better) {
  const auto cuts = cuts_of(scores, is_true);
  std::optional<ThresholdChoice> best;
  if (cuts.empty() || cuts.back().marked == 0) return best;
  const auto support = static_cast<double>(cuts.back().marked);
  for (const ScoreCut& cut : cuts) {
    const auto hits = static_cast<double>(cut.marked);
    const auto predicted = static_cast<double>(cut.rows);
    const ThresholdChoice choice{.threshold = cut.threshold,
                                 .precision = hits / predicted,
                                 .recall = hits / support,
                                 .f1 = 2 * hits / (support + predicted),
                                 .predicted = cut.rows,
                                 .hits = cut.marked};
    if (may_be(choice) && (!best || is_better(choice, *best))) best = choice;
  }
  return best;
}

}  // namespace

std::optional<ThresholdChoice> threshold_for_best_f1(std::span<const float> scores,
                                                     std::span<const std::uint8_t> is_true) {
  return best_cut(
      scores, is_true, [](const ThresholdChoice&) { return true; },
      [](const ThresholdChoice& a, const ThresholdChoice& b) { return a.f1 > b.f1; });
}

std::optional<ThresholdChoice> threshold_for_precision(std::span<const float> scores,
                                                       std::span<const std::uint8_t> is_true, double target) {
  return best_cut(
      scores, is_true, [target](const ThresholdChoice& cut) { return cut.precision >= target; },
      [](const ThresholdChoice& a, const ThresholdChoice& b) { return a.recall > b.recall; });
}

std::optional<ThresholdChoice> threshold_for_recall(std::span<const float> scores,
                                                    std::span<const std::uint8_t> is_true, double target) {
  return best_cut(
      scores, is_true, [target](const ThresholdChoice& cut) { return cut.recall >= target; },
      [](const ThresholdChoice& a, const ThresholdChoice& b) { return a.precision > b.precision; });
}

}  // namespace valence::eval

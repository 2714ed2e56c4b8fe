#include "valence/alert/cusum_design.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

namespace valence::alert {
namespace {

constexpr double kMinLattice = 32;    // steps of a chart add up to at least this: 3 % of run length a unit of limit
constexpr double kMinDownStep = 4;    // rounding it costs an eighth of the reference value at most
constexpr double kMaxLattice = 400;   // for rare labels: bounds the work
constexpr double kResolveOdds = 100;  // a raised share is taken for resolved once in about so many / KL texts
constexpr std::size_t kRememberedDesigns = 4096;
constexpr double kPercentile95 = 1.6449;  // of the normal distribution

struct Node {
  double at;
  double weight;
};
// Gauss-Hermite, five points, for the standard normal: Abramowitz & Stegun, table 25.10, x * sqrt(2) and w / sqrt(pi).
constexpr std::array<Node, 5> kNormalNodes{{{-2.856970013872806, 0.01125741132772069},
                                            {-1.355626179974266, 0.2220759220056126},
                                            {0, 0.5333333333333333},
                                            {1.355626179974266, 0.2220759220056126},
                                            {2.856970013872806, 0.01125741132772069}}};

double clamped(double share) { return std::clamp(share, kLeastUsualShare, kGreatestUsualShare); }

double raised_share(double usual) {
  const double odds = kRaisedOdds * usual / (1 - usual);
  return odds / (1 + odds);
}

/// Steps in the ratio of the log-likelihood ratios of a hit and of none.
CusumDesign steps_for(double usual) {
  CusumDesign chart{.usual = usual, .raised = raised_share(usual)};
  const double gain = std::log(chart.raised / usual);
  const double loss = std::log((1 - usual) / (1 - chart.raised));
  const double reference = loss / (gain + loss);  // the share at which the sum neither rises nor falls
  const double rarer = std::min(reference, 1 - reference);
  const double lattice = std::min(std::ceil(std::max(kMinLattice, kMinDownStep / rarer)), kMaxLattice);
  chart.down_step = static_cast<int>(std::clamp(std::round(reference * lattice), 1.0, lattice - 1));
  chart.up_step = static_cast<int>(lattice) - chart.down_step;
  // An odds ratio of kRaisedOdds is gain + loss in natural units, and `lattice` in steps.
  chart.resolve_limit = static_cast<int>(std::ceil(std::log(kResolveOdds) / std::log(kRaisedOdds) * lattice));
  return chart;
}

double deviation(UsualShare usual) {
  return usual.learned_texts == 0
             ? 0
             : std::sqrt(usual.value * (1 - usual.value) / static_cast<double>(usual.learned_texts));
}

/// False alarms a text, over what the true share may be.
double false_alarm_rate(const CusumDesign& chart, UsualShare usual) {
  const double spread = deviation(usual);
  if (spread == 0) return 1 / average_run_length(chart, usual.value);
  double rate = 0;
  for (const Node& node : kNormalNodes)
    rate += node.weight / average_run_length(chart, clamped(usual.value + node.at * spread));
  return rate;
}

CusumDesign search_limit(UsualShare usual, double false_alarm_texts) {
  CusumDesign chart = steps_for(usual.value);
  const auto run_length = [&](int limit) {
    chart.limit = limit;
    return 1 / false_alarm_rate(chart, usual);
  };
  int low = 1;
  int high = chart.up_step + chart.down_step;
  while (run_length(high) < false_alarm_texts) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (run_length(middle) < false_alarm_texts ? low : high) = middle;
  }
  // Of the two neighbours the one whose run length is nearer.
  const double below = run_length(low);
  const double above = run_length(high);
  chart.limit = false_alarm_texts / below < above / false_alarm_texts ? low : high;
  return chart;
}

}  // namespace

double average_run_length(const CusumDesign& design, double share) {
  // E_i = 1 + share * E_(i + up) + (1 - share) * E_max(0, i - down), E = 0 from the limit on: a band matrix, diagonally
  // dominant, so that elimination without pivots is stable.
  const int states = design.limit;
  const int below = design.down_step;
  const int width = below + design.up_step + 1;
  std::vector<double> band(static_cast<std::size_t>(states) * static_cast<std::size_t>(width), 0.0);
  std::vector<double> length(static_cast<std::size_t>(states), 1.0);
  const auto row = [&](int i) { return band.data() + static_cast<std::ptrdiff_t>(i) * width + below - i; };
  for (int i = 0; i < states; ++i) {
    row(i)[i] += 1;
    if (i + design.up_step < states) row(i)[i + design.up_step] -= share;
    row(i)[std::max(0, i - below)] -= 1 - share;
  }
  for (int pivot = 0; pivot < states; ++pivot) {
    const double* const from = row(pivot);
    const int last_column = std::min(states - 1, pivot + design.up_step);
    for (int i = pivot + 1; i <= std::min(states - 1, pivot + below); ++i) {
      double* const to = row(i);
      const double factor = to[pivot] / from[pivot];
      if (factor == 0) continue;
      for (int j = pivot; j <= last_column; ++j) to[j] -= factor * from[j];
      length[static_cast<std::size_t>(i)] -= factor * length[static_cast<std::size_t>(pivot)];
    }
  }
  for (int i = states - 1; i >= 0; --i) {
    double& value = length[static_cast<std::size_t>(i)];
    for (int j = i + 1; j <= std::min(states - 1, i + design.up_step); ++j)
      value -= row(i)[j] * length[static_cast<std::size_t>(j)];
    value /= row(i)[i];
  }
  return length.front();
}

CusumDesign design_cusum(UsualShare usual, double false_alarm_texts) {
  usual.value = clamped(usual.value);
  static std::mutex mutex;
  static std::map<std::tuple<double, std::uint64_t, double>, CusumDesign> remembered;
  const std::tuple key(usual.value, usual.learned_texts, false_alarm_texts);
  const std::lock_guard lock(mutex);
  if (const auto found = remembered.find(key); found != remembered.end()) return found->second;
  if (remembered.size() >= kRememberedDesigns) remembered.clear();
  return remembered[key] = search_limit(usual, false_alarm_texts);
}

RunLengthRange run_length_range(const CusumDesign& design, UsualShare usual) {
  const double spread = kPercentile95 * deviation(usual);
  return {.low = average_run_length(design, clamped(usual.value + spread)),
          .high = average_run_length(design, clamped(usual.value - spread))};
}

}  // namespace valence::alert

#include "valence/eval/zero_division.h"

#include <cmath>
#include <limits>

namespace valence::eval {

double share(std::uint64_t hits, std::uint64_t of, ZeroDivision zero_division) {
  if (of != 0) return static_cast<double>(hits) / static_cast<double>(of);
  switch (zero_division) {
    case ZeroDivision::kZero:
      return 0;
    case ZeroDivision::kOne:
      return 1;
    case ZeroDivision::kNan:
      break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

PrecisionRecallF1 precision_recall_f1(std::uint64_t hits, std::uint64_t predicted, std::uint64_t support,
                                      ZeroDivision zero_division) {
  return {.precision = share(hits, predicted, zero_division),
          .recall = share(hits, support, zero_division),
          .f1 = share(2 * hits, support + predicted, zero_division)};
}

ClassMetrics class_metrics(std::uint64_t hits, std::uint64_t predicted, std::uint64_t support,
                           ZeroDivision zero_division) {
  const auto [precision, recall, f1] = precision_recall_f1(hits, predicted, support, zero_division);
  return {.precision = precision, .recall = recall, .f1 = f1, .support = support, .predicted = predicted, .hits = hits};
}

void DefinedMean::add(double value, double weight) {
  if (std::isnan(value)) return;
  weighted_sum_ += value * weight;
  sum_ += value;
  weight_ += weight;
  count_ += 1;
}

double DefinedMean::value() const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  return weight_ == 0 ? sum_ / count_ : weighted_sum_ / weight_;
}

void MeanPrecisionRecallF1::add(const PrecisionRecallF1& values, double weight) {
  precision_.add(values.precision, weight);
  recall_.add(values.recall, weight);
  f1_.add(values.f1, weight);
}

PrecisionRecallF1 MeanPrecisionRecallF1::value() const {
  return {.precision = precision_.value(), .recall = recall_.value(), .f1 = f1_.value()};
}

}  // namespace valence::eval

/// \file
/// Shares that may be of nothing, and averages that leave the undefined ones out: the rules that scikit-learn's
/// precision_recall_fscore_support follows, in the one place where they are.
#pragma once

#include <cstdint>
#include <span>

#include "valence/eval/metrics.h"

namespace valence::eval {

/// hits / of, or what `zero_division` says if that is no number.
[[nodiscard]] double share(std::uint64_t hits, std::uint64_t of, ZeroDivision zero_division);

/// F1 is 2 * hits / (support + predicted), which is defined where precision or recall alone is not.
[[nodiscard]] PrecisionRecallF1 precision_recall_f1(std::uint64_t hits, std::uint64_t predicted, std::uint64_t support,
                                                    ZeroDivision zero_division);

[[nodiscard]] ClassMetrics class_metrics(std::uint64_t hits, std::uint64_t predicted, std::uint64_t support,
                                         ZeroDivision zero_division);

/// Mean of what is not NaN, NaN if nothing is.
class DefinedMean {
 public:
  void add(double value, double weight);
  /// By weight; if every weight is zero, the plain mean.
  [[nodiscard]] double value() const;

 private:
  double weighted_sum_ = 0;
  double sum_ = 0;
  double weight_ = 0;
  double count_ = 0;
};

/// The three of many labels or rows, averaged one by one.
class MeanPrecisionRecallF1 {
 public:
  void add(const PrecisionRecallF1& values, double weight);
  [[nodiscard]] PrecisionRecallF1 value() const;

 private:
  DefinedMean precision_;
  DefinedMean recall_;
  DefinedMean f1_;
};

}  // namespace valence::eval

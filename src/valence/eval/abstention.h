/// \file
/// Below which score not to answer, so that what is answered is wrong no more often than was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace valence::eval {

/// The largest error rate that `errors` wrong of `trials` leave plausible: Clopper and Pearson's one-sided upper bound
/// at `confidence`, exact for binomial counts. 1 for no trials. Source: C. J. Clopper & E. S. Pearson, "The use of
/// confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934).
[[nodiscard]] double error_upper_bound(std::uint64_t errors, std::uint64_t trials, double confidence);

struct Abstention {
  double threshold = 1;        ///< a best score below it is no answer
  double target_error = 0;     ///< what was asked for
  double error_bound = 0;      ///< error_upper_bound() of the rows answered
  std::uint64_t rows = 0;      ///< that it was fitted on
  std::uint64_t answered = 0;  ///< of those
  std::uint64_t errors = 0;    ///< of those answered

  [[nodiscard]] double coverage() const {
    return rows == 0 ? 0 : static_cast<double>(answered) / static_cast<double>(rows);
  }
};

/// The lowest threshold at which the upper bound of the error among the rows answered is at most `target_error`: the
/// margin between the two is what few rows cost. Nothing if no threshold is good enough, which is always so for fewer
/// than log(1 - confidence) / log(1 - target_error) rows.
/// confidence_of_answer: the score of the label answered; is_right: 0 or 1; target_error and confidence in (0, 1).
[[nodiscard]] std::optional<Abstention> fit_abstention(std::span<const float> confidence_of_answer,
                                                       std::span<const std::uint8_t> is_right, double target_error,
                                                       double confidence);

}  // namespace valence::eval

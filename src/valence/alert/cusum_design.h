/// \file
/// A cumulative-sum chart for a share that has gone up, with a chosen average run length between false alarms.
///
/// Each text adds up_step when it is a hit and takes away down_step when it is none; the sum does not go below 0, and
/// an alarm is raised when it reaches `limit`. The steps are the log-likelihood ratio of the shares `usual` and
/// `raised`, in integers, so that the run length is that of a Markov chain on limit states, and exact. Sources: E. S.
/// Page, "Continuous inspection schemes", Biometrika 41 (1954); D. Brook & D. A. Evans, "An approach to the probability
/// distribution of CUSUM run length", Biometrika 59 (1972); M. R. Reynolds & Z. G. Stoumbos, "A CUSUM chart for
/// monitoring a proportion when inspecting continuously", J. Quality Technology 31 (1999).
#pragma once

#include <cstdint>

namespace valence::alert {

/// The odds of the share that charts are tuned to see soonest, over the usual odds: 10 % becomes 20 %.
inline constexpr double kRaisedOdds = 2.25;
/// Charts of rarer or more frequent labels are those of these shares.
inline constexpr double kLeastUsualShare = 0.002;
inline constexpr double kGreatestUsualShare = 0.998;

struct CusumDesign {
  double usual = 0;
  double raised = 0;
  int up_step = 0;
  int down_step = 0;
  int limit = 0;
  int resolve_limit = 0;  ///< of the sum that runs the other way while an alarm lasts
};

/// Expected texts until the alarm when `share` of them are hits, from a sum of 0. Time: limit * down_step * up_step.
[[nodiscard]] double average_run_length(const CusumDesign& design, double share);

/// What is known of the usual share: itself, and from how many texts it was learned (0: it was given).
struct UsualShare {
  double value = 0;
  std::uint64_t learned_texts = 0;
};

/// The chart whose false alarms come once in `false_alarm_texts` on average: over the texts, and, where the share was
/// learned, over what it may really be given that many texts. Takes milliseconds; equal arguments are remembered.
/// Thread-safe.
[[nodiscard]] CusumDesign design_cusum(UsualShare usual, double false_alarm_texts);

/// The false alarms of a chart once in so many texts, for a true share at the 5th and the 95th percentile of what it
/// may be: what a baseline learned from few texts leaves open.
struct RunLengthRange {
  double low = 0;
  double high = 0;
};
[[nodiscard]] RunLengthRange run_length_range(const CusumDesign& design, UsualShare usual);

}  // namespace valence::alert

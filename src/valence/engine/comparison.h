/// \file
/// Two classifiers' answers to the same labelled texts, side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "valence/base/statistics.h"

namespace valence {

/// No label: the text could not be classified, which counts as a wrong answer.
inline constexpr std::int32_t kNoAnswer = -1;

struct Answer {
  std::int32_t label_id = kNoAnswer;
  float score = 0;
};

/// What one classifier said of every text.
struct Answers {
  std::vector<Answer> labels;
  std::vector<float> logits;  ///< [texts, num_labels], row-major; zeros where there is no answer
};

/// One class in one classifier's answers.
struct ClassCounts {
  std::uint64_t predicted = 0;
  std::uint64_t correct = 0;
};

struct ClassChange {
  std::uint64_t support = 0;  ///< rows that carry the label
  ClassCounts first;
  ClassCounts second;

  [[nodiscard]] double recall(const ClassCounts& counts) const;
  [[nodiscard]] double precision(const ClassCounts& counts) const;
  [[nodiscard]] double f1(const ClassCounts& counts) const;
};

/// A text to which the two gave different labels.
struct Flip {
  std::size_t row = 0;  ///< index into the texts
  std::int32_t truth = 0;
  Answer first;
  Answer second;
};

struct Comparison {
  PairedCounts counts;
  Interval first_accuracy;
  Interval second_accuracy;
  Interval loss;  ///< of the first one's accuracy less the second one's
  McNemar mcnemar;
  std::uint64_t equal_labels = 0;
  double logit_error = 0;            ///< root mean square difference, as a share of the first one's root mean square
  std::vector<ClassChange> classes;  ///< by label id
  std::vector<Flip> flips;           ///< worst first: what the first had right, and of those where both were sure

  [[nodiscard]] double accuracy_loss() const;  ///< first less second, a share of the rows
};

/// `truth` and both answers are of the same texts. Logits are compared after their row's mean is taken away, because
/// softmax does not see it.
[[nodiscard]] Comparison compare(std::span<const std::int32_t> truth, const Answers& first, const Answers& second,
                                 std::size_t num_labels);

/// The last part of it alone.
[[nodiscard]] double relative_logit_error(const Answers& first, const Answers& second, std::size_t num_labels);

}  // namespace valence

#include "valence/cli/calibration_fit.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "valence/base/random.h"
#include "valence/eval/abstention.h"
#include "valence/eval/metrics.h"
#include "valence/eval/reliability.h"
#include "valence/eval/temperature.h"
#include "valence/eval/thresholds.h"

namespace valence::cli {
namespace {

/// Some of the rows with their answers, as a set of rows of its own.
struct Part {
  EvalRows rows;
  Answers answers;

  Part(const EvalRows& all, const Answers& given, std::span<const std::uint32_t> members) {
    const std::size_t num_labels = all.labels.size();
    rows.kind = all.kind;
    rows.labels = all.labels;
    for (const std::uint32_t row : members) {
      rows.texts.emplace_back();  // how many there are is their number
      const auto begin = static_cast<std::ptrdiff_t>(row * num_labels);
      const auto end = begin + static_cast<std::ptrdiff_t>(num_labels);
      answers.logits.insert(answers.logits.end(), given.logits.begin() + begin, given.logits.begin() + end);
      if (all.kind == AnswerKind::kOneLabel) {
        rows.truth.push_back(all.truth[row]);
      } else {
        rows.truth_bits.insert(rows.truth_bits.end(), all.truth_bits.begin() + begin, all.truth_bits.begin() + end);
      }
    }
    rescore(answers, rows, std::nullopt);
  }

  [[nodiscard]] std::vector<std::uint8_t> verdicts() const {
    std::vector<std::uint8_t> right(rows.size());
    for (std::size_t row = 0; row < right.size(); ++row) {
      right[row] = answers.predicted[row] == rows.truth[row] ? 1 : 0;
    }
    return right;
  }

  [[nodiscard]] double mean_loss() const {
    const double sum = std::accumulate(answers.losses.begin(), answers.losses.end(), 0.0);
    return sum / static_cast<double>(rows.kind == AnswerKind::kOneLabel ? rows.size() : rows.truth_bits.size());
  }

  [[nodiscard]] double ece() const {
    return rows.kind == AnswerKind::kOneLabel ? eval::reliability(answers.confidence, verdicts()).expected_error
                                              : eval::reliability(answers.scores, rows.truth_bits).expected_error;
  }

  [[nodiscard]] double macro_f1() const {
    const std::size_t num_labels = rows.labels.size();
    return eval::multi_label_metrics({num_labels, rows.truth_bits}, {num_labels, answers.bits}).macro.f1;
  }
};

std::vector<double> best_thresholds(const Part& part) {
  constexpr double kEvenScore = 0.5;  // of a label that no row has
  const std::size_t num_labels = part.rows.labels.size();
  std::vector<double> thresholds;
  std::vector<float> scores(part.rows.size());
  std::vector<std::uint8_t> is_true(part.rows.size());
  for (std::size_t label = 0; label < num_labels; ++label) {
    for (std::size_t row = 0; row < part.rows.size(); ++row) {
      scores[row] = part.answers.scores[row * num_labels + label];
      is_true[row] = part.rows.truth_bits[row * num_labels + label];
    }
    const auto best = eval::threshold_for_best_f1(scores, is_true);
    thresholds.push_back(best ? best->threshold : kEvenScore);
  }
  return thresholds;
}

struct Fit {
  Calibration calibration;
  bool at_limit = false;
};

/// Leaves `part` calibrated.
Fit fit(Part& part, const CalibrationRequest& request) {
  Fit fitted;
  const bool one_label = part.rows.kind == AnswerKind::kOneLabel;
  const auto temperature =
      one_label ? eval::fit_softmax_temperature(part.answers.logits, part.rows.truth, part.rows.labels.size())
                : eval::fit_sigmoid_temperature(part.answers.logits, part.rows.truth_bits);
  fitted.at_limit = temperature.at_limit;
  fitted.calibration.function = one_label ? ScoreFunction::kSoftmax : ScoreFunction::kSigmoid;
  fitted.calibration.temperature = temperature.temperature;
  rescore(part.answers, part.rows, fitted.calibration);
  if (!one_label) {
    fitted.calibration.label_thresholds = best_thresholds(part);
    rescore(part.answers, part.rows, fitted.calibration);
    return fitted;
  }
  const auto abstention =
      eval::fit_abstention(part.answers.confidence, part.verdicts(), request.target_error, request.confidence);
  if (abstention) {
    fitted.calibration.abstention = AbstentionRule{.threshold = abstention->threshold,
                                                   .target_error = abstention->target_error,
                                                   .confidence = request.confidence,
                                                   .error_bound = abstention->error_bound,
                                                   .rows = abstention->rows,
                                                   .answered = abstention->answered,
                                                   .errors = abstention->errors};
  }
  return fitted;
}

/// Adds what `calibration` does to `part`, which it was not fitted on, weighted by its share of the rows.
void measure(HeldOutFigures& figures, Part& part, const Calibration& calibration, double share) {
  const bool one_label = part.rows.kind == AnswerKind::kOneLabel;
  figures.rows += part.rows.size();
  figures.loss_before += share * part.mean_loss();
  figures.ece_before += share * part.ece();
  if (!one_label) figures.macro_f1_before += share * part.macro_f1();
  rescore(part.answers, part.rows, calibration);
  figures.loss_after += share * part.mean_loss();
  figures.ece_after += share * part.ece();
  if (!one_label) figures.macro_f1_after += share * part.macro_f1();
  if (!calibration.abstention) return;
  figures.rows_abstention += part.rows.size();
  const auto right = part.verdicts();
  for (std::size_t row = 0; row < right.size(); ++row) {
    if (part.answers.confidence[row] < calibration.abstention->threshold) continue;
    ++figures.answered;
    figures.errors += right[row] == 0 ? 1 : 0;
  }
}

}  // namespace

FittedCalibration fit_calibration(const EvalRows& rows, const Answers& answers, const CalibrationRequest& request) {
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0U);
  Part all(rows, answers, order);
  Fit fitted = fit(all, request);
  FittedCalibration result{.calibration = std::move(fitted.calibration), .at_limit = fitted.at_limit, .held_out = {}};

  Random(request.seed).shuffle(std::span(order));
  const auto middle = order.size() / 2;
  const std::array halves{std::span<const std::uint32_t>(order).first(middle),
                          std::span<const std::uint32_t>(order).subspan(middle)};
  for (std::size_t half = 0; half < halves.size(); ++half) {
    Part learned(rows, answers, halves[half]);
    Part left(rows, answers, halves[1 - half]);
    const double share = static_cast<double>(left.rows.size()) / static_cast<double>(rows.size());
    measure(result.held_out, left, fit(learned, request).calibration, share);
  }
  return result;
}

}  // namespace valence::cli

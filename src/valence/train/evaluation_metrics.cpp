#include "valence/train/evaluation_metrics.h"

#include <algorithm>
#include <vector>

#include "valence/eval/metrics.h"

namespace valence::train {
namespace {

/// The class with the highest logit, among those that the text was labelled among.
std::int32_t answer(std::span<const float> logits, const Target& target) {
  if (target.choices.empty()) return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
  return *std::ranges::max_element(target.choices, {},
                                   [&](std::int32_t c) { return logits[static_cast<std::size_t>(c)]; });
}

void add_single_label(std::span<const float> logits, std::span<const Target* const> targets, std::size_t labels,
                      const std::string& prefix, std::map<std::string, double>& metrics) {
  std::vector<std::int32_t> truth;
  std::vector<std::int32_t> predicted;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto own = logits.subspan(i * labels, labels);
    truth.push_back(targets[i]->label);
    predicted.push_back(answer(own, *targets[i]));
  }
  const auto measured = eval::classification_metrics(truth, predicted, labels);
  metrics[prefix + "accuracy"] = measured.accuracy;
  metrics[prefix + "f1"] = measured.macro.f1;
  metrics[prefix + "precision"] = measured.macro.precision;
  metrics[prefix + "recall"] = measured.macro.recall;
}

void add_multi_label(std::span<const float> logits, std::span<const Target* const> targets, std::size_t labels,
                     const std::string& prefix, std::map<std::string, double>& metrics) {
  std::vector<std::uint8_t> truth;
  std::vector<std::uint8_t> predicted;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (std::size_t label = 0; label < labels; ++label) {
      truth.push_back(targets[i]->values[label] >= 0.5F ? 1 : 0);
      predicted.push_back(logits[i * labels + label] > 0.0F ? 1 : 0);  // a sigmoid above one half
    }
  }
  const auto measured = eval::multi_label_metrics({labels, truth}, {labels, predicted});
  metrics[prefix + "accuracy"] = measured.subset_accuracy;
  metrics[prefix + "f1"] = measured.micro.f1;
  metrics[prefix + "macro_f1"] = measured.macro.f1;
}

void add_regression(std::span<const float> logits, std::span<const Target* const> targets, const std::string& prefix,
                    std::map<std::string, double>& metrics) {
  std::vector<double> truth;
  std::vector<double> predicted;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    truth.push_back(targets[i]->values.front());
    predicted.push_back(logits[i]);
  }
  const auto measured = eval::regression_metrics(truth, predicted);
  metrics[prefix + "mse"] = measured.mean_squared_error;
  metrics[prefix + "mae"] = measured.mean_absolute_error;
  metrics[prefix + "pearson"] = measured.pearson;
  metrics[prefix + "spearman"] = measured.spearman;
}

}  // namespace

void add_metrics(std::span<const float> logits, std::span<const Target* const> targets, std::int64_t num_labels,
                 ProblemType problem_type, const std::string& prefix, std::map<std::string, double>& metrics) {
  const auto labels = static_cast<std::size_t>(num_labels);
  switch (problem_type) {
    case ProblemType::kSingleLabel:
      return add_single_label(logits, targets, labels, prefix, metrics);
    case ProblemType::kMultiLabel:
      return add_multi_label(logits, targets, labels, prefix, metrics);
    case ProblemType::kRegression:
      if (labels == 1) add_regression(logits, targets, prefix, metrics);
      return;
  }
}

double score_of(const std::map<std::string, double>& metrics, const std::string& prefix, ProblemType problem_type) {
  switch (problem_type) {
    case ProblemType::kSingleLabel:
      return metrics.at(prefix + "accuracy");
    case ProblemType::kMultiLabel:
      return metrics.at(prefix + "f1");
    case ProblemType::kRegression:
      break;
  }
  return -metrics.at(prefix + "loss");
}

}  // namespace valence::train

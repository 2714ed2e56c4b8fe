#include "valence/engine/zero_shot.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "valence/base/json.h"
#include "valence/engine/postprocess.h"

namespace valence {

Result<std::string> fill_hypothesis(std::string_view hypothesis_template, std::string_view label) {
  const auto refuse = [&](std::string what) {
    return fail(ErrorCode::kInvalidArgument, "--hypothesis-template",
                fmt::format("{} {}", in_quotes(hypothesis_template), what),
                "write {} where the label goes: \"This example is {}.\"");
  };
  std::string filled;
  bool has_label = false;
  for (std::size_t i = 0; i < hypothesis_template.size(); ++i) {
    const std::string_view rest = hypothesis_template.substr(i);
    if (rest.starts_with("{{") || rest.starts_with("}}")) {
      filled += rest.front();
      ++i;
    } else if (rest.starts_with("{}") || rest.starts_with("{0}")) {
      filled += label;
      has_label = true;
      i += rest[1] == '}' ? 1 : 2;
    } else if (rest.front() == '{' || rest.front() == '}') {
      return refuse("has a brace that is no {}");
    } else {
      filled += rest.front();
    }
  }
  if (!has_label) return refuse("has no place for the label");
  return filled;
}

Result<ZeroShot> ZeroShot::make(const ZeroShotOptions& options, std::span<const std::string> model_labels) {
  const auto is_entailment = [](const std::string& label) { return ::strncasecmp(label.c_str(), "entail", 6) == 0; };
  const auto entailment = std::find_if(model_labels.begin(), model_labels.end(), is_entailment);
  if (entailment == model_labels.end() || model_labels.size() < 2) {
    return fail(ErrorCode::kInvalidArgument, "--zero-shot",
                fmt::format("the model has no entailment label: its labels are {}", fmt::join(model_labels, ", ")),
                "take a model of natural language inference, one trained on MNLI for instance");
  }
  ZeroShot zero_shot;
  zero_shot.num_model_labels_ = model_labels.size();
  zero_shot.entailment_ = static_cast<std::size_t>(entailment - model_labels.begin());
  zero_shot.contradiction_ = zero_shot.entailment_ == 0 ? model_labels.size() - 1 : 0;
  zero_shot.label_by_label_ = options.multi_label || options.labels.size() == 1;
  std::set<std::string_view> seen;
  for (const std::string& label : options.labels) {
    if (label.empty()) return fail(ErrorCode::kInvalidArgument, "--zero-shot", "a label is empty");
    if (!seen.insert(label).second) {
      return fail(ErrorCode::kInvalidArgument, "--zero-shot", fmt::format("label {} stands twice", in_quotes(label)));
    }
    VALENCE_TRY(auto hypothesis, fill_hypothesis(options.hypothesis_template, label));
    zero_shot.hypotheses_.push_back(std::move(hypothesis));
  }
  if (zero_shot.hypotheses_.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--zero-shot", "there is no label",
                "name some: --zero-shot \"refund, bug\"");
  }
  return zero_shot;
}

Prediction ZeroShot::to_prediction(std::span<const float> logits) const {
  std::vector<std::int32_t> all(hypotheses_.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> entailment;
  const auto row = [&](std::size_t label) { return logits.subspan(label * num_model_labels_, num_model_labels_); };
  for (std::size_t label = 0; label < hypotheses_.size(); ++label) entailment.push_back(row(label)[entailment_]);
  if (!label_by_label_) return valence::to_prediction(entailment, all, ScoreFunction::kSoftmax);
  // Entailment against contradiction; the other labels, neutral say, do not count.
  constexpr std::array<std::int32_t, 2> kBoth{0, 1};
  for (std::size_t label = 0; label < hypotheses_.size(); ++label) {
    const std::array<float, 2> both{row(label)[contradiction_], row(label)[entailment_]};
    entailment[label] = valence::to_prediction(both, kBoth, ScoreFunction::kSoftmax).scores[1];
  }
  return valence::to_prediction(entailment, all, ScoreFunction::kNone);
}

}  // namespace valence

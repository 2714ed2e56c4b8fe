#include "valence/train/soft_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/json.h"
#include "valence/train/label_space.h"

namespace valence::train {
namespace {

Result<std::int32_t> id_of(std::string_view label, const HeadRequest& head) {
  const auto found = std::ranges::find(head.labels, label);
  if (found != head.labels.end()) return static_cast<std::int32_t>(found - head.labels.begin());
  return fail(ErrorCode::kInvalidData, {},
              fmt::format("label \"{}\" is none of {}", label, fmt::join(head.labels, ", ")));
}

/// (label, score) of either form.
Result<std::vector<std::pair<std::string, double>>> parse_scores(std::string_view text) {
  VALENCE_TRY(const Json document, Json::parse(text, "the teacher's scores"));
  std::vector<std::pair<std::string, double>> scores;
  if (document.is_array()) {
    VALENCE_TRY(const auto items, document.items());
    for (const Json& item : items) {
      VALENCE_TRY(std::string label, item.string("label"));
      VALENCE_TRY(const double score, item.number("score"));
      scores.emplace_back(std::move(label), score);
    }
    return scores;
  }
  VALENCE_TRY(const auto members, document.members());
  for (const auto& [label, value] : members) {
    VALENCE_TRY(const double score, value.as_number());
    scores.emplace_back(label, score);
  }
  return scores;
}

}  // namespace

Status choose_among(Target& target, std::string_view choices, const HeadRequest& head) {
  if (choices.empty()) return {};
  const std::string_view all = choices;
  while (!choices.empty()) {
    const std::size_t end = std::min(choices.find(kLabelSeparator), choices.size());
    VALENCE_TRY(const std::int32_t id, id_of(choices.substr(0, end), head));
    target.choices.push_back(id);
    choices.remove_prefix(std::min(end + 1, choices.size()));
  }
  std::ranges::sort(target.choices);
  target.choices.erase(std::unique(target.choices.begin(), target.choices.end()), target.choices.end());
  if (target.choices.size() < 2) {
    return fail(ErrorCode::kInvalidData, {}, fmt::format("the choices \"{}\" leave nothing to tell apart", all));
  }
  if (!std::ranges::binary_search(target.choices, target.label)) {
    return fail(ErrorCode::kInvalidData, {},
                fmt::format("the row's label \"{}\" is not among its choices \"{}\"",
                            head.labels[static_cast<std::size_t>(target.label)], all));
  }
  if (target.choices.size() == head.labels.size()) target.choices.clear();
  return {};
}

Status learn_from_scores(Target& target, std::string_view scores, double weight, const HeadRequest& head) {
  if (scores.empty() || weight == 0) return {};
  VALENCE_TRY(const auto said, parse_scores(scores));
  std::vector<double> teacher(head.labels.size(), 0.0);
  for (const auto& [label, score] : said) {
    VALENCE_TRY(const std::int32_t id, id_of(label, head));
    if (!(score >= 0 && std::isfinite(score))) {
      return fail(ErrorCode::kInvalidData, {}, fmt::format("the teacher's score of \"{}\" is {:g}", label, score));
    }
    const bool counts = target.choices.empty() || std::ranges::binary_search(target.choices, id);
    if (counts) teacher[static_cast<std::size_t>(id)] = score;
  }
  double sum = 0;
  for (const double score : teacher) sum += score;
  if (!(sum > 0)) return fail(ErrorCode::kInvalidData, {}, "the teacher scores none of the row's choices above 0");
  target.values.assign(head.labels.size(), 0.0F);
  for (std::size_t c = 0; c < teacher.size(); ++c) {
    const double own = c == static_cast<std::size_t>(target.label) ? 1.0 : 0.0;
    target.values[c] = static_cast<float>((1.0 - weight) * own + weight * teacher[c] / sum);
  }
  return {};
}

}  // namespace valence::train

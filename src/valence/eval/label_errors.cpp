#include "valence/eval/label_errors.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "valence/base/check.h"

namespace valence::eval {
namespace {

/// By label: the mean score of it over the rows that carry it; above 1 where none does.
std::vector<double> usual_confidence(std::span<const float> scores, std::span<const std::int32_t> given,
                                     std::size_t num_labels) {
  std::vector<double> sums(num_labels);
  std::vector<double> rows(num_labels);
  for (std::size_t row = 0; row < given.size(); ++row) {
    const auto label = static_cast<std::size_t>(given[row]);
    sums[label] += scores[row * num_labels + label];
    rows[label] += 1;
  }
  for (std::size_t label = 0; label < num_labels; ++label) {
    sums[label] = rows[label] == 0 ? std::numeric_limits<double>::infinity() : sums[label] / rows[label];
  }
  return sums;
}

}  // namespace

std::vector<LabelSuspect> rank_label_suspects(std::span<const float> scores, std::span<const std::int32_t> given,
                                              std::size_t num_labels) {
  VALENCE_ASSERT(num_labels > 1 && scores.size() == given.size() * num_labels, "scores of every row");
  const auto usual = usual_confidence(scores, given, num_labels);
  std::vector<LabelSuspect> suspects;
  suspects.reserve(given.size());
  for (std::size_t row = 0; row < given.size(); ++row) {
    const auto of_row = scores.subspan(row * num_labels, num_labels);
    const auto own = static_cast<std::size_t>(given[row]);
    std::size_t other = own == 0 ? 1 : 0;
    for (std::size_t label = 0; label < num_labels; ++label) {
      if (label != own && of_row[label] > of_row[other]) other = label;
    }
    const double margin = static_cast<double>(of_row[own]) - of_row[other];
    suspects.push_back({.row = row,
                        .suggested = static_cast<std::int32_t>(margin < 0 ? other : own),
                        .margin = margin,
                        .is_confident = margin < 0 && of_row[other] >= usual[other]});
  }
  std::ranges::sort(suspects, [](const LabelSuspect& a, const LabelSuspect& b) {
    return std::tuple(!a.is_confident, a.margin, a.row) < std::tuple(!b.is_confident, b.margin, b.row);
  });
  return suspects;
}

}  // namespace valence::eval

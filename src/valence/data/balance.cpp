#include "valence/data/balance.h"

#include <algorithm>
#include <numeric>

#include "valence/base/random.h"

namespace valence::data {
namespace {

/// Rows of each label, shuffled.
std::vector<std::vector<std::uint32_t>> shuffled_by_label(std::span<const std::uint32_t> labels, std::uint64_t seed) {
  std::vector<std::vector<std::uint32_t>> rows(labels.empty() ? 0 : std::ranges::max(labels) + std::size_t{1});
  for (std::uint32_t row = 0; row < labels.size(); ++row) rows[labels[row]].push_back(row);
  Random random(seed);
  for (auto& of_label : rows) random.shuffle(std::span(of_label));
  return rows;
}

}  // namespace

std::vector<std::uint32_t> oversampled(std::span<const std::uint32_t> labels, std::size_t target, std::uint64_t seed) {
  std::vector<std::uint32_t> chosen(labels.size());
  std::iota(chosen.begin(), chosen.end(), std::uint32_t{0});
  for (const auto& of_label : shuffled_by_label(labels, seed)) {
    for (std::size_t i = of_label.size(); !of_label.empty() && i < target; ++i) {
      chosen.push_back(of_label[i % of_label.size()]);
    }
  }
  return chosen;
}

std::vector<std::uint32_t> undersampled(std::span<const std::uint32_t> labels, std::size_t target, std::uint64_t seed) {
  std::vector<std::uint32_t> chosen;
  for (const auto& of_label : shuffled_by_label(labels, seed)) {
    chosen.insert(chosen.end(), of_label.begin(),
                  of_label.begin() + static_cast<std::ptrdiff_t>(std::min(target, of_label.size())));
  }
  std::ranges::sort(chosen);
  return chosen;
}

std::vector<double> balanced_weights(std::span<const std::uint64_t> rows) {
  const auto total = static_cast<double>(std::accumulate(rows.begin(), rows.end(), std::uint64_t{0}));
  std::vector<double> weights;
  for (const std::uint64_t of_label : rows) {
    weights.push_back(total / (static_cast<double>(rows.size()) * static_cast<double>(of_label)));
  }
  return weights;
}

}  // namespace valence::data

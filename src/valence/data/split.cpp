#include "valence/data/split.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "valence/base/check.h"
#include "valence/base/random.h"

namespace valence::data {
namespace {

using RowList = std::vector<std::uint32_t>;

/// Groups in the order in which they are placed.
std::vector<RowList> groups_to_place(std::span<const std::uint32_t> group_of, std::uint64_t seed) {
  std::vector<RowList> groups;
  std::unordered_map<std::uint32_t, std::size_t> index_of;
  for (std::uint32_t row = 0; row < group_of.size(); ++row) {
    const auto [known, is_new] = index_of.emplace(group_of[row], groups.size());
    if (is_new) groups.emplace_back();
    groups[known->second].push_back(row);
  }
  Random random(seed);
  random.shuffle(std::span(groups));
  std::ranges::stable_sort(groups, std::ranges::greater(), &RowList::size);
  return groups;
}

}  // namespace

std::vector<std::uint32_t> assign_parts(std::span<const std::uint32_t> labels, std::span<const std::uint32_t> groups,
                                        std::span<const double> shares, std::uint64_t seed) {
  VALENCE_ASSERT(labels.size() == groups.size() && !shares.empty(), "one entry a row");
  const std::size_t label_count = labels.empty() ? 0 : std::ranges::max(labels) + std::size_t{1};
  std::vector<double> rows_of(label_count);
  for (const std::uint32_t label : labels) rows_of[label] += 1;
  // missing[part][label]: rows still to come.
  std::vector<std::vector<double>> missing(shares.size(), rows_of);
  for (std::size_t part = 0; part < shares.size(); ++part) {
    for (double& rows : missing[part]) rows *= shares[part];
  }
  std::vector<std::uint32_t> part_of(labels.size());
  for (const RowList& group : groups_to_place(groups, seed)) {
    std::size_t best = 0;
    double most = 0;
    for (std::size_t part = 0; part < shares.size(); ++part) {
      double gain = 0;
      for (const std::uint32_t row : group) gain += missing[part][labels[row]];
      if (part == 0 || gain > most) {
        best = part;
        most = gain;
      }
    }
    for (const std::uint32_t row : group) {
      part_of[row] = static_cast<std::uint32_t>(best);
      missing[best][labels[row]] -= 1;
    }
  }
  return part_of;
}

}  // namespace valence::data

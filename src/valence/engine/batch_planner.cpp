#include "valence/engine/batch_planner.h"

#include <algorithm>
#include <numeric>

namespace valence {

BatchPlan plan_batches(std::span<const std::uint32_t> lengths, std::size_t token_budget) {
  std::vector<std::uint32_t> order;
  order.reserve(lengths.size());
  for (std::uint32_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [lengths](std::uint32_t a, std::uint32_t b) { return lengths[a] > lengths[b]; });
  BatchPlan plan;
  std::size_t tokens = 0;
  for (const std::uint32_t index : order) {
    if (plan.empty() || tokens + lengths[index] > token_budget) {
      plan.emplace_back();
      tokens = 0;
    }
    plan.back().push_back(index);
    tokens += lengths[index];
  }
  return plan;
}

std::size_t batch_budget(std::span<const std::uint32_t> lengths, std::size_t largest, std::size_t workers) {
  const std::size_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  if (tokens <= largest) return largest;
  const std::size_t batches = (tokens + largest - 1) / largest;
  const std::size_t rounds = (batches + workers - 1) / workers;
  // A sequence is not divided: half of the mean length more lets a batch take its share of them.
  const std::size_t slack = tokens / lengths.size() / 2;
  return std::min(largest, tokens / (rounds * workers) + slack + 1);
}

}  // namespace valence

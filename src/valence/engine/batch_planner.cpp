#include "valence/engine/batch_planner.h"

#include <algorithm>

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

}  // namespace valence

#include "valence/train/examples.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "valence/base/random.h"

namespace valence::train {

std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  std::uint64_t state = mixed(mixed(seed) ^ static_cast<std::uint64_t>(epoch));
  for (std::size_t i = count; i > 1; --i) {  // Fisher and Yates; the bias of % is below 2^-32
    state = mixed(state);
    std::swap(order[i - 1], order[state % i]);
  }
  return order;
}

std::vector<std::uint32_t> grouped_by_length(std::span<const Example> examples, std::int64_t batch_size,
                                             std::uint64_t seed, std::int64_t epoch) {
  constexpr std::size_t kBatchesInBlock = 50;
  std::vector<std::uint32_t> order = shuffled(examples.size(), seed, epoch);
  const std::size_t block = kBatchesInBlock * static_cast<std::size_t>(batch_size);
  for (std::size_t first = 0; first < order.size(); first += block) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(order.size(), first + block));
    std::stable_sort(begin, end,
                     [&](std::uint32_t a, std::uint32_t b) { return examples[a].ids.size() > examples[b].ids.size(); });
  }
  // The longest batch first: what does not fit into memory fails at once.
  const auto longest = std::ranges::max_element(order, {}, [&](std::uint32_t i) { return examples[i].ids.size(); });
  if (longest != order.end()) std::swap(*longest, order.front());
  return order;
}

}  // namespace valence::train

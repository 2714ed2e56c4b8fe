/// \file
/// Which sequences run together: a pure function of their lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace valence {

/// The token budget of a batch unless somebody says otherwise: enough rows to amortise streaming the weights through
/// the cache, few enough that the hidden states of the batch stay in L2 (docs/performance.md, "Batches").
inline constexpr std::size_t kDefaultBatchTokens = 512;

/// Indices into the lengths that were planned.
using BatchPlan = std::vector<std::vector<std::uint32_t>>;

/// Groups sequences of like length, each group at most `token_budget` tokens (a longer sequence runs alone). Every
/// index occurs once. Packed batches need no padding, so sorting is not for that: it keeps attention blocks alike and
/// spreads work evenly. Groups come largest first, so that threads finish together. Sequences of length 0 are left out.
[[nodiscard]] BatchPlan plan_batches(std::span<const std::uint32_t> lengths, std::size_t token_budget);

/// The token budget that lets `workers` finish together: `largest`, or less where the last round of batches would leave
/// workers without one. All that fits into one batch stays one (a team of workers runs it).
[[nodiscard]] std::size_t batch_budget(std::span<const std::uint32_t> lengths, std::size_t largest,
                                       std::size_t workers);

}  // namespace valence

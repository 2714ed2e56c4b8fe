/// \file
/// Rows cut into parts (train, dev, test) that are alike in their labels and share no group.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace valence::data {

/// Which part each row goes to, as an index into `shares`.
///
/// `labels` and `groups` have one entry a row: a label's number, from 0, and a group's, any. Rows of one group stay
/// together. `shares` are positive and sum to 1. Groups are shuffled by `seed`, the large ones placed first, each where
/// its labels are missing most; so that without groups of several rows every label's rows are cut within one row of the
/// shares. The same on every machine.
[[nodiscard]] std::vector<std::uint32_t> assign_parts(std::span<const std::uint32_t> labels,
                                                      std::span<const std::uint32_t> groups,
                                                      std::span<const double> shares, std::uint64_t seed);

}  // namespace valence::data

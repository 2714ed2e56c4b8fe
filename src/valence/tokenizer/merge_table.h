/// \file
/// From two neighbouring tokens to the token they merge into: the inner loop of byte-pair encoding.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace valence::tokenizer {

/// Open addressing, at most half full.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoMerge = std::numeric_limits<std::uint32_t>::max();

  struct Merge {
    std::uint32_t rank = kNoMerge;  ///< the lowest goes first; kNoMerge: these two do not merge
    std::int32_t id = 0;
  };

  MergeTable() : MergeTable(0) {}
  /// Room for `merges` entries.
  explicit MergeTable(std::size_t merges) {
    std::size_t slots = 16;
    while (slots < 2 * merges) slots *= 2;
    slots_.resize(slots);
    mask_ = slots - 1;
  }

  /// A pair that is there already gets the new merge. False only when kMaxProbes others sit in its way, which no
  /// list of merges does by accident.
  [[nodiscard]] bool insert(std::int32_t left, std::int32_t right, Merge merge) {
    const std::uint64_t pair = pair_of(left, right);
    std::size_t at = hash(pair) & mask_;
    for (std::size_t probes = 0; probes < kMaxProbes; ++probes, at = (at + 1) & mask_) {
      Slot& slot = slots_[at];
      if (slot.merge.rank != kNoMerge && slot.pair != pair) continue;
      slot = {pair, merge};
      return true;
    }
    return false;
  }

  [[nodiscard]] Merge find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t pair = pair_of(left, right);
    for (std::size_t at = hash(pair) & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.pair == pair || slot.merge.rank == kNoMerge) return slot.merge;
    }
  }

 private:
  static constexpr std::size_t kMaxProbes = 1024;
  static constexpr std::uint64_t kNoPair = std::numeric_limits<std::uint64_t>::max();  // ids are below 2^31

  struct Slot {
    std::uint64_t pair = kNoPair;
    Merge merge;
  };

  [[nodiscard]] static std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
  }
  [[nodiscard]] static std::size_t hash(std::uint64_t pair) {
    const std::uint64_t mixed = pair * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

}  // namespace valence::tokenizer

/// \file
/// A flat hash table from token bytes to ids: the inner loop of WordPiece.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace valence::tokenizer {

/// 64-bit hash in the manner of wyhash; constant time up to 16 bytes, no read past `size`.
[[nodiscard]] inline std::uint64_t hash_bytes(const char* bytes, std::size_t size) {
  const auto read32 = [](const char* p) {
    std::uint32_t value;
    std::memcpy(&value, p, sizeof value);
    return static_cast<std::uint64_t>(value);
  };
  const auto multiply_fold = [](std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  constexpr std::uint64_t kSecret0 = 0xa0761d6478bd642fULL;
  constexpr std::uint64_t kSecret1 = 0xe7037ed1a0b428dbULL;
  std::uint64_t seed = size * 0x9e3779b97f4a7c15ULL;
  while (size > 16) {
    std::uint64_t a;
    std::uint64_t b;
    std::memcpy(&a, bytes, sizeof a);
    std::memcpy(&b, bytes + 8, sizeof b);
    seed = multiply_fold(a ^ kSecret0, b ^ seed ^ kSecret1);
    bytes += 16;
    size -= 16;
  }
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (size >= 4) {  // two overlapping pairs of 4 bytes cover 4 to 16
    const std::size_t inner = (size >> 3) << 2;
    a = (read32(bytes) << 32) | read32(bytes + inner);
    b = (read32(bytes + size - 4) << 32) | read32(bytes + size - 4 - inner);
  } else if (size > 0) {
    const auto byte = [bytes](std::size_t i) {
      return static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i]));
    };
    a = (byte(0) << 16) | (byte(size >> 1) << 8) | byte(size - 1);
  }
  return multiply_fold(a ^ kSecret0 ^ seed, b ^ kSecret1);
}

/// Open addressing, at most half full. The tokens' bytes stay where they are: in a string that outlives the table.
class TokenTable {
 public:
  static constexpr std::int32_t kAbsent = -1;

  TokenTable() : TokenTable(nullptr, 0) {}
  /// Room for `tokens` entries, each a part of the bytes at `arena`.
  TokenTable(const char* arena, std::size_t tokens) : arena_(arena) {
    std::size_t slots = 16;
    while (slots < 2 * tokens) slots *= 2;
    slots_.resize(slots);
    mask_ = slots - 1;
  }

  /// The id that `token` had before, or kAbsent; a token is stored once and then has the new id.
  /// Refused (false) only when kMaxProbes others sit in its way, which no vocabulary does by accident.
  struct Inserted {
    std::int32_t previous_id;
    bool stored;
  };
  Inserted insert(std::uint32_t offset, std::uint32_t size, std::int32_t id) {
    const std::uint64_t hash = hash_bytes(arena_ + offset, size);
    std::size_t at = hash & mask_;
    for (std::size_t probes = 0; probes < kMaxProbes; ++probes, at = (at + 1) & mask_) {
      Slot& slot = slots_[at];
      if (slot.id == kAbsent) {
        slot = {tag_of(hash), offset, size, id};
        return {kAbsent, true};
      }
      if (matches(slot, hash, arena_ + offset, size)) {
        const std::int32_t previous = slot.id;
        slot.id = id;
        return {previous, true};
      }
    }
    return {kAbsent, false};
  }

  [[nodiscard]] std::int32_t find(const char* bytes, std::size_t size) const {
    const std::uint64_t hash = hash_bytes(bytes, size);
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.id == kAbsent) return kAbsent;
      if (matches(slot, hash, bytes, size)) return slot.id;
    }
  }
  [[nodiscard]] std::int32_t find(std::string_view token) const { return find(token.data(), token.size()); }

 private:
  static constexpr std::size_t kMaxProbes = 1024;

  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash: differs for nearly all other tokens
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::int32_t id = kAbsent;
  };

  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  [[nodiscard]] bool matches(const Slot& slot, std::uint64_t hash, const char* bytes, std::size_t size) const {
    return slot.tag == tag_of(hash) && slot.size == size && std::memcmp(arena_ + slot.offset, bytes, size) == 0;
  }

  const char* arena_;
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

}  // namespace valence::tokenizer

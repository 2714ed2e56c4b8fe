/// \file
/// SipHash-2-4: hashes that nobody can aim at without the key.
#pragma once

#include <cstdint>
#include <string_view>

namespace valence {

struct SipHashKey {
  std::uint64_t low = 0;   ///< bytes 0 to 7, little-endian
  std::uint64_t high = 0;  ///< bytes 8 to 15

  /// From the operating system, once a process: who chooses the texts cannot choose ones that collide.
  [[nodiscard]] static SipHashKey random();
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
};

/// Source: J.-P. Aumasson & D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012, and the 128-bit variant
/// of its authors.
[[nodiscard]] std::uint64_t siphash64(std::string_view bytes, const SipHashKey& key);
[[nodiscard]] Hash128 siphash128(std::string_view bytes, const SipHashKey& key);

}  // namespace valence

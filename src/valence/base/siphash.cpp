#include "valence/base/siphash.h"

#include <sys/random.h>

#include <cstddef>
#include <cstring>
#include <random>

namespace valence {
namespace {

constexpr std::uint64_t rotated(std::uint64_t value, unsigned by) { return (value << by) | (value >> (64U - by)); }

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = rotated(v1, 13) ^ v0;
    v0 = rotated(v0, 32);
    v2 += v3;
    v3 = rotated(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotated(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotated(v1, 17) ^ v2;
    v2 = rotated(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t finish() {
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

/// The state behind all of `bytes`; `is_wide` is what tells the 128-bit variant apart.
State absorbed(std::string_view bytes, const SipHashKey& key, bool is_wide) {
  // The initial words spell "somepseudorandomlygeneratedbytes".
  State state{0x736F6D6570736575U ^ key.low, 0x646F72616E646F6DU ^ key.high, 0x6C7967656E657261U ^ key.low,
              0x7465646279746573U ^ key.high};
  if (is_wide) state.v1 ^= 0xEE;
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    state.absorb(word);
  }
  std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56U;
  for (std::size_t i = whole; i < bytes.size(); ++i) {
    last |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * (i - whole));
  }
  state.absorb(last);
  return state;
}

}  // namespace

SipHashKey SipHashKey::random() {
  static const SipHashKey kKey = [] {
    SipHashKey key;
    if (::getrandom(&key, sizeof key, 0) == static_cast<ssize_t>(sizeof key)) return key;
    std::random_device device;
    const auto word = [&device] { return std::uint64_t{device()} << 32U | device(); };
    return SipHashKey{word(), word()};
  }();
  return kKey;
}

std::uint64_t siphash64(std::string_view bytes, const SipHashKey& key) {
  State state = absorbed(bytes, key, false);
  state.v2 ^= 0xFF;
  return state.finish();
}

Hash128 siphash128(std::string_view bytes, const SipHashKey& key) {
  State state = absorbed(bytes, key, true);
  state.v2 ^= 0xEE;
  Hash128 hash;
  hash.low = state.finish();
  state.v1 ^= 0xDD;
  hash.high = state.finish();
  return hash;
}

}  // namespace valence

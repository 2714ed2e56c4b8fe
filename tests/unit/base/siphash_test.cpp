#include "valence/base/siphash.h"

#include <gtest/gtest.h>

#include <string>

namespace valence {
namespace {

/// Bytes 00 01 .. 0F, as in the vectors of the paper.
constexpr SipHashKey kKey{.low = 0x0706050403020100U, .high = 0x0F0E0D0C0B0A0908U};

TEST(SipHash, PaperExampleOfFifteenBytes) {
  std::string bytes;
  for (char c = 0; c < 15; ++c) bytes += c;
  EXPECT_EQ(siphash64(bytes, kKey), 0xA129CA6149BE45E5U);  // appendix A of the paper
}

TEST(SipHash, AuthorsVectorOf128BitsOfNothing) {
  // a3 81 7f 04 ba 25 a8 e6 6d f6 72 14 c7 55 02 93, the first of vectors_sip128
  const Hash128 hash = siphash128("", kKey);
  EXPECT_EQ(hash.low, 0xE6A825BA047F81A3U);
  EXPECT_EQ(hash.high, 0x930255C71472F66DU);
}

TEST(SipHash, LengthCounts) { EXPECT_NE(siphash64(std::string(8, '\0'), kKey), siphash64(std::string(9, '\0'), kKey)); }

}  // namespace
}  // namespace valence

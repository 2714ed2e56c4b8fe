#include "valence/kernels/cpu_identity.h"

#include <gtest/gtest.h>

#include "valence/kernels/amx_permission.h"
#include "valence/kernels/cpu_features.h"

namespace valence::kernels {
namespace {

TEST(CpuIdentity, MicroArchitectureFollowsFamilyAndModel) {
  EXPECT_EQ(micro_architecture("GenuineIntel", 6, 0x8f), "Sapphire Rapids");
  EXPECT_EQ(micro_architecture("GenuineIntel", 6, 0xcf), "Emerald Rapids");
  EXPECT_EQ(micro_architecture("GenuineIntel", 6, 0xad), "Granite Rapids");
  EXPECT_EQ(micro_architecture("AuthenticAMD", 0x19, 0x01), "Zen 3");
  EXPECT_EQ(micro_architecture("AuthenticAMD", 0x19, 0x11), "Zen 4");
  EXPECT_EQ(micro_architecture("AuthenticAMD", 0x1a, 0x02), "Zen 5");
  EXPECT_EQ(micro_architecture("GenuineIntel", 6, 0x01), "");
  EXPECT_EQ(micro_architecture("SomeoneElse", 0x1a, 0x02), "");
}

TEST(CpuIdentity, FlagsAgreeWithTheFeaturesThatDispatchUses) {
  const CpuFeatures features = detect_cpu_features();
  EXPECT_EQ(has_flag("avx512_vnni"), features.avx512_vnni);
  EXPECT_EQ(has_flag("avx_vnni"), features.avx_vnni);
  EXPECT_LE(features.x86_64_v3, has_flag("avx2"));
  EXPECT_FALSE(has_flag("no_such_flag"));
}

TEST(CpuIdentity, Bf16DotIsAbsentExactlyWithoutTheFlag) {
  CpuIdentity unknown;
  EXPECT_EQ(bf16_dot_speed(unknown), has_flag("avx512_bf16") ? Bf16DotSpeed::kUnknown : Bf16DotSpeed::kAbsent);
}

TEST(AmxPermission, IsNotAskedForWithoutTilesAndStaysAsAnswered) {
  const AmxPermission& first = amx_permission();
  EXPECT_EQ(first.answer == AmxAnswer::kNoTiles, !has_flag("amx_tile"));
  EXPECT_EQ(&amx_permission(), &first);
}

}  // namespace
}  // namespace valence::kernels

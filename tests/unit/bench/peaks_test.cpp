#include "valence/bench/peaks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "support/kernel_tables.h"
#include "valence/bench/amx_peaks.h"
#include "valence/bench/reference_peak.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/kernels/dispatch.h"
#include "valence/tensor/dtype.h"

namespace valence::bench {
namespace {

TEST(Peaks, EachRunnableLoopReachesARate) {
  for (const Peak peak : runnable_peaks()) {
    EXPECT_GT(measure_peak_gops(peak, 1, 0.004), 1) << info(peak).name;
    EXPECT_GT(measure_peak_gops(peak, 2, 0.004), 1) << info(peak).name;
  }
}

TEST(Peaks, NamesAreDifferentAndBelongToTheirPeak) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Peak::kAmxFp16Data); ++i) {
    const PeakInfo& each = info(static_cast<Peak>(i));
    EXPECT_EQ(each.peak, static_cast<Peak>(i));
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
  }
}

TEST(Peaks, TheReferenceOfTheSelectedKernelsRunsHere) {
  const auto runnable = runnable_peaks();
  for (const kernels::Isa isa : kernels::runnable_isas()) {
    for (const Precision precision : {Precision::kFp32, Precision::kFp16, Precision::kBf16, Precision::kInt8}) {
      const auto peak = reference_peak(precision, isa);
      if (!peak) continue;
      EXPECT_NE(std::find(runnable.begin(), runnable.end(), *peak), runnable.end()) << info(*peak).name;
    }
  }
  EXPECT_FALSE(reference_peak(Precision::kInt8, kernels::Isa::kPortable).has_value());
}

TEST(AmxOperands, RandomOnesAreFiniteModerateAndOfEitherSign) {
  for (const AmxType type : {AmxType::kBf16, AmxType::kFp16}) {
    const auto operands = amx_operands(type, true);
    ASSERT_EQ(operands.size(), kAmxOperandBytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(operands.data()) % 64, 0U);
    int negative = 0;
    for (std::size_t at = 0; at < operands.size(); at += 2) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, operands.data() + at, sizeof bits);
      const float value = type == AmxType::kBf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
      ASSERT_GE(std::abs(value), 0.25F);
      ASSERT_LT(std::abs(value), 2.0F);
      negative += value < 0 ? 1 : 0;
    }
    EXPECT_NEAR(negative, static_cast<double>(operands.size()) / 4.0, static_cast<double>(operands.size()) / 40.0);
  }
  const auto zeros = amx_operands(AmxType::kInt8, false);
  EXPECT_TRUE(std::ranges::all_of(zeros.span(), [](std::byte b) { return b == std::byte{0}; }));
}

TEST(AmxOperands, OpsOfAnIterationAreThoseOfTheTilesMultiplied) {
  // 6 steps of 4 products, each 16 x 16 sums over 64 int8 or 32 16-bit pairs, 2 op a pair.
  EXPECT_EQ(amx_ops_per_iteration(AmxType::kInt8), 6 * 4 * 16 * 16 * 64 * 2);
  EXPECT_EQ(amx_ops_per_iteration(AmxType::kFp16), 6 * 4 * 16 * 16 * 32 * 2);
}

// Sums cannot be seen from outside; that every instruction is one of the CPU's or the emulator's can.
TEST(AmxProducts, RunWithEachType) {
  const auto tested = tested_kernels();
  if (tested.back().table.isa != kernels::Isa::kAmx) GTEST_SKIP() << "neither AMX nor the AVX-512 that its tests need";
  for (const AmxType type : {AmxType::kInt8, AmxType::kBf16, AmxType::kFp16}) {
    const bool there = tested.back().emulated || type != AmxType::kFp16 || kernels::has_flag("amx_fp16");
    if (there) amx_products(type, 2, amx_operands(type, true).data());
  }
}

}  // namespace
}  // namespace valence::bench

#include "valence/kernels/dispatch.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace valence::kernels {
namespace {

constexpr Isa kAllIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512Vnni, Isa::kAmx};

TEST(Dispatch, EveryIsaIsFoundByItsName) {
  for (const Isa isa : kAllIsas) {
    const auto by_name = kernel_table_named(name(isa));
    const auto by_value = kernel_table(isa);
    ASSERT_EQ(by_name.has_value(), by_value.has_value()) << name(isa);
    if (by_name) {
      EXPECT_EQ(*by_name, *by_value);
      EXPECT_EQ((*by_name)->isa, isa);
    }
  }
}

TEST(Dispatch, EveryCpuRunsPortableKernels) {
  const auto runnable = runnable_isas();
  ASSERT_FALSE(runnable.empty());
  EXPECT_EQ(runnable.front(), Isa::kPortable);
  EXPECT_TRUE(std::is_sorted(runnable.begin(), runnable.end()));
}

TEST(Dispatch, NoNameMeansTheBest) {
  ASSERT_TRUE(kernel_table_named("").has_value());
  EXPECT_EQ((*kernel_table_named(""))->isa, runnable_isas().back());
}

TEST(Dispatch, UnknownNameIsRefusedWithWhatThisCpuRuns) {
  const auto table = kernel_table_named("avx1024");
  ASSERT_FALSE(table.has_value());
  EXPECT_EQ(table.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(table.error().to_string().find("avx1024"), std::string::npos);
  EXPECT_NE(table.error().hint().find("portable"), std::string::npos);
}

TEST(Dispatch, IsaThatThisCpuLacksIsRefused) {
  const auto runnable = runnable_isas();
  for (const Isa isa : kAllIsas) {
    if (std::find(runnable.begin(), runnable.end(), isa) != runnable.end()) continue;
    const auto table = kernel_table(isa);
    ASSERT_FALSE(table.has_value()) << name(isa);
    EXPECT_EQ(table.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(table.error().hint().find("portable"), std::string::npos);
  }
}

}  // namespace
}  // namespace valence::kernels

#include "valence/kernels/encoder_kernels.h"

#include <gtest/gtest.h>

namespace valence::kernels {
namespace {

TEST(ChunkRows, AreThoseThatFitAtMostSoManyAndWholeStepsOfTheTable) {
  EncoderKernels kernels{};
  kernels.row_granularity = 32;
  kernels.staging_element_bytes = 2;
  kernels.chunk_bytes = 1'600'000;
  kernels.chunk_rows = 256;
  EXPECT_EQ(chunk_rows(kernels, 3072), 256);     // 260 fit
  EXPECT_EQ(chunk_rows(kernels, 4096), 224);     // 195 fit
  EXPECT_EQ(chunk_rows(kernels, 384), 256);      // 2,083 fit
  EXPECT_EQ(chunk_rows(kernels, 100'000), 32);   // 8 fit: the weights would be waited for
  EXPECT_EQ(staging_stride(kernels, 384), 384);  // lines of 32 elements
  EXPECT_EQ(staging_stride(kernels, 385), 416);
}

}  // namespace
}  // namespace valence::kernels

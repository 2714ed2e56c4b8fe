/// \file
/// The AMX tables under test: on the CPU's own tiles, or on emulated ones where it has AVX-512 only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/amx_emulator.h"
#include "support/kernel_tables.h"
#include "unit/kernels/pack_weights.h"
#include "valence/kernels/amx_tables.h"
#include "valence/kernels/cpu_features.h"
#include "valence/kernels/dispatch.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {

struct AmxTable {
  const char* name;
  const EncoderKernels* kernels;
  double unit;  ///< relative rounding error of its 16-bit rows, at most
};

inline void PrintTo(const AmxTable& table, std::ostream* out) { *out << table.name; }

inline constexpr double kBf16Unit = 0x1p-8;
inline constexpr double kFp16Unit = 0x1p-11;

class OnEachAmxTable : public testing::TestWithParam<AmxTable> {
 protected:
  void SetUp() override {
    const CpuFeatures cpu = detect_cpu_features();
    const auto isas = runnable_isas();
    if (std::find(isas.begin(), isas.end(), Isa::kAmx) != isas.end()) {
      if (GetParam().kernels == &kFp16Amx && !cpu.amx_fp16)
        GTEST_SKIP() << "no AMX-FP16, which cannot be emulated alone";
    } else if (can_emulate_amx(cpu)) {
      install_amx_emulator();
    } else {
      GTEST_SKIP() << "no AVX-512 with FP16, BF16 and VBMI: only tiles are emulated";
    }
    kernels().prepare_thread();
  }
  [[nodiscard]] static const EncoderKernels& kernels() { return *GetParam().kernels; }
  [[nodiscard]] static bool quantized() { return kernels().quantized; }
};

#define VALENCE_ON_EACH_AMX_TABLE(suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(                                                                         \
      Tables, suite,                                                                                \
      testing::Values(AmxTable{"int8", &kI8Amx, kBf16Unit}, AmxTable{"bf16", &kBf16Amx, kBf16Unit}, \
                      AmxTable{"fp16", &kFp16Amx, kFp16Unit}),                                      \
      [](const auto& test) { return std::string(test.param.name); })

/// A buffer whose every 16- or 32-bit element is no number, so that what is read of it shows.
inline AlignedBuffer<std::byte> not_numbers(std::int64_t bytes) {
  AlignedBuffer<std::byte> buffer(static_cast<std::size_t>(bytes));
  std::fill_n(buffer.data(), buffer.size(), std::byte{0xff});
  return buffer;
}

inline std::int64_t rounded_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

/// An operand of `rows` rows; what is not written is no number.
struct OperandBuffer {
  AlignedBuffer<std::byte> values;
  AlignedBuffer<float> scales;
  Operand operand;

  OperandBuffer(const EncoderKernels& kernels, std::int64_t rows, std::int64_t width)
      : values(not_numbers(kernels.operand_bytes(rounded_up(rows, kernels.row_granularity), width))),
        scales(static_cast<std::size_t>(rows)),
        operand{values.data(), scales.data(), nullptr} {}
};

struct StagingBuffer {
  AlignedBuffer<std::byte> memory;
  Staging staging;

  StagingBuffer(const EncoderKernels& kernels, std::int64_t rows, std::int64_t width, StagingLayout layout)
      : memory(not_numbers(rounded_up(rows, kernels.row_granularity) * rounded_up(width, 32) * 2)),
        staging{memory.data(), rounded_up(width, 32), layout} {}

  /// From row `row` on.
  [[nodiscard]] Staging from(std::int64_t row) const {
    if (staging.layout == StagingLayout::kOwn) return {staging.data, staging.stride, staging.layout, row};
    return {staging.data + row * staging.stride * 2, staging.stride};
  }
  [[nodiscard]] std::vector<float> values(const EncoderKernels& kernels, std::int64_t rows, std::int64_t width) const {
    std::vector<float> out(static_cast<std::size_t>(rows * width));
    kernels.to_f32(staging, {out.data(), rows, width}, width);
    return out;
  }
};

}  // namespace valence::kernels

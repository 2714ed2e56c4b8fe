/// \file
/// The operations of EncoderKernels tables as functions of vectors, and the tables this CPU runs.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unit/kernels/on_each_isa.h"
#include "unit/kernels/pack_weights.h"
#include "valence/kernels/cpu_features.h"
#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/half_tables.h"
#include "valence/kernels/reference.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {

struct EncoderTable {
  std::string name;
  const EncoderKernels* kernels;
};

/// The 16-bit tables this CPU runs, fast or not.
inline std::vector<EncoderTable> half_tables() {
  const CpuFeatures cpu = detect_cpu_features();
  std::vector<EncoderTable> tables;
  if (cpu.avx_vnni) tables.push_back({"i16_avx_vnni", &kI16AvxVnni});
  if (cpu.avx512_vnni) tables.push_back({"i16_avx512_vnni", &kI16Avx512Vnni});
  if (cpu.avx512_bf16) tables.push_back({"bf16_avx512", &kBf16Avx512});
  return tables;
}

/// And the int8 ones that stage f32; amx_test.cpp has the others.
inline std::vector<EncoderTable> encoder_tables() {
  std::vector<EncoderTable> tables = half_tables();
  for (const Isa isa : runnable_isas()) {
    const EncoderKernels* kernels = kernel_table(isa).value()->int8;
    if (kernels->staging_element_bytes == 4) tables.push_back({"i8_" + std::string(name(isa)), kernels});
  }
  return tables;
}

class OnEachTable : public testing::TestWithParam<EncoderTable> {
 protected:
  [[nodiscard]] static const EncoderKernels& kernels() { return *GetParam().kernels; }
};

#define VALENCE_ON_EACH_TABLE(suite, tables) \
  INSTANTIATE_TEST_SUITE_P(Tables, suite, testing::ValuesIn(tables), [](const auto& test) { return test.param.name; })

inline void PrintTo(const EncoderTable& table, std::ostream* out) { *out << table.name; }

inline constexpr std::int64_t kStagingAlignment = 16;  // floats: 64 bytes

/// Rows quantised for a table, with room for the granularity it asks for.
struct Quantized {
  AlignedBuffer<std::byte> values;
  AlignedBuffer<float> scales;
  AlignedBuffer<std::int32_t> sums;
  Operand operand;

  Quantized(const EncoderKernels& kernels, std::int64_t rows, std::int64_t width)
      : values(static_cast<std::size_t>(kernels.operand_bytes(rows + kernels.row_granularity, width))),
        scales(static_cast<std::size_t>(rows + kernels.row_granularity)),
        sums(static_cast<std::size_t>(rows + kernels.row_granularity)),
        operand{values.data(), scales.data(), sums.data()} {}
};

/// x [rows, in_features] through quantize and product, in calls of `rows_a_call` rows and `panels_a_call` panels.
inline std::vector<float> product(const EncoderKernels& kernels, const PackedWeights& weights,
                                  const std::vector<float>& x, Activation activation = Activation::kNone,
                                  std::int64_t rows_a_call = 0, std::int64_t panels_a_call = 0) {
  kernels.prepare_thread();
  const std::int64_t width = weights.in_features();
  const std::int64_t outputs = weights.out_features();
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / width;
  const Quantized quantized(kernels, rows, width);
  kernels.quantize({.f32 = {x.data(), rows, width},
                    .staging = {},
                    .width = width,
                    .out = quantized.operand,
                    .first_row = 0,
                    .rows = rows});
  const std::int64_t stride = (outputs + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
  AlignedBuffer<std::byte> staged(
      static_cast<std::size_t>((rows + kernels.row_granularity) * stride * kernels.staging_element_bytes));
  const std::int64_t row_step = rows_a_call == 0 ? rows : rows_a_call;
  const std::int64_t panel_step = panels_a_call == 0 ? weights.panels() : panels_a_call;
  for (std::int64_t row = 0; row < rows; row += row_step) {
    for (std::int64_t panel = 0; panel < weights.panels(); panel += panel_step) {
      kernels.product({.weights = weights.view(),
                       .x = quantized.operand,
                       .first_row = row,
                       .rows = std::min(row_step, rows - row),
                       .first_panel = panel,
                       .panels = std::min(panel_step, weights.panels() - panel),
                       .out = {staged.data() + row * stride * kernels.staging_element_bytes, stride},
                       .activation = activation});
    }
  }
  std::vector<float> out(static_cast<std::size_t>(rows * outputs));
  kernels.to_f32({staged.data(), stride}, {out.data(), rows, outputs}, outputs);
  return out;
}

/// Weights that pass values on: what comes out is what quantize kept of them.
inline std::vector<float> kept_by_quantize(const EncoderKernels& kernels, const std::vector<float>& x,
                                           std::int64_t width) {
  std::vector<float> identity(static_cast<std::size_t>(width * width));
  for (std::int64_t i = 0; i < width; ++i) identity[static_cast<std::size_t>(i * width + i)] = 1.0F;
  return product(kernels, pack(kernels, {width, width}, identity, {}, {}), x);
}

/// Attention over f32 staging (tables with 16-bit staging have a test of their own).
inline std::vector<float> attend(const EncoderKernels& kernels, AttentionShape shape, const std::vector<float>& qkv,
                                 const std::vector<std::int32_t>& cu_seqlens, AttentionQueries queries,
                                 std::int64_t first_head, std::int64_t heads) {
  kernels.prepare_thread();
  const std::int64_t hidden = shape.num_heads * shape.head_dim;
  const auto sequences = static_cast<std::int64_t>(cu_seqlens.size()) - 1;
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < sequences; ++i) {
    longest = std::max<std::int64_t>(
        longest, cu_seqlens[static_cast<std::size_t>(i + 1)] - cu_seqlens[static_cast<std::size_t>(i)]);
  }
  AlignedBuffer<std::byte> scratch(static_cast<std::size_t>(kernels.attention_scratch_bytes(longest, shape.head_dim)));
  const bool all = queries == AttentionQueries::kAll;
  std::vector<float> q;  // with kFirstOfEach: rows of their own
  if (!all) {
    for (std::int64_t i = 0; i < sequences; ++i) {
      const auto* row = qkv.data() + cu_seqlens[static_cast<std::size_t>(i)] * 3 * hidden;
      q.insert(q.end(), row, row + hidden);
    }
  }
  auto* data = reinterpret_cast<std::byte*>(const_cast<float*>(qkv.data()));
  const auto column = [&](std::int64_t index) {
    return Staging{data + index * hidden * static_cast<std::int64_t>(sizeof(float)), 3 * hidden};
  };
  std::vector<float> out(static_cast<std::size_t>((all ? cu_seqlens.back() : sequences) * hidden), -7.0F);
  kernels.attention({.q = all ? column(0) : Staging{reinterpret_cast<std::byte*>(q.data()), hidden},
                     .k = column(1),
                     .v = column(2),
                     .out = {reinterpret_cast<std::byte*>(out.data()), hidden},
                     .cu_seqlens = cu_seqlens.data(),
                     .first_sequence = 0,
                     .sequences = sequences,
                     .first_token = 0,
                     .first_head = first_head,
                     .heads = heads,
                     .head_dim = shape.head_dim,
                     .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
                     .queries = queries,
                     .scratch = scratch.data()});
  return out;
}

}  // namespace valence::kernels

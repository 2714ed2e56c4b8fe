/// \file
/// The EncoderKernels table of one Format (see product_kernel.h). Included only by the files of one ISA each.
#pragma once

#include "valence/kernels/i16_attention_kernel.h"
#include "valence/kernels/operand_kernels.h"
#include "valence/kernels/product_kernel.h"

namespace valence::kernels {
namespace {

inline void prepare_nothing() noexcept {}

template <class F>
constexpr EncoderKernels encoder_table() {
  return {.path = F::kPath,
          .panel_columns = kColumnsOf<F>,
          .row_granularity = 1,
          .staging_element_bytes = sizeof(float),
          .staging_layout = StagingLayout::kRows,
          .chunk_bytes = 786'432,
          .chunk_rows = 1 << 20,  // as many as that
          .quantized = F::kQuantized,
          .attends_with_patterns = false,
          .panel_bytes = panel_bytes<F>,
          .pack_panel = F::pack_panel,
          .operand_bytes = operand_bytes<F>,
          .prepare_thread = prepare_nothing,
          .product = product<F>,
          .quantize = quantize<F>,
          .add_norm = add_norm<F>,
          .gate = nullptr,
          .attention = i16_attention<typename F::Dot>,
          .attention_scratch_bytes = i16_attention_scratch_bytes<typename F::Dot>,
          .position_scratch_bytes = nullptr,
          .turn_heads = nullptr,
          .to_f32 = to_f32<F>};
}

}  // namespace
}  // namespace valence::kernels

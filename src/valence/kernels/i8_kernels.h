/// \file
/// The int8 table of one Dot type. Included only by the i8_<isa>.cpp files.
#pragma once

#include "valence/kernels/i16_attention_kernel.h"
#include "valence/kernels/i8_product_kernel.h"
#include "valence/kernels/i8_row_kernels.h"
#include "valence/kernels/i8_tables.h"

namespace valence::kernels {
namespace {

inline void prepare_nothing() noexcept {}

template <class D>
constexpr EncoderKernels i8_kernels() {
  return {.path = D::kPath,
          .panel_columns = kColumnsOf<D>,
          .row_granularity = 1,
          .staging_element_bytes = sizeof(float),
          .staging_layout = StagingLayout::kRows,
          .chunk_bytes = 786'432,
          .quantized = true,
          .panel_bytes = i8_panel_bytes<D>,
          .pack_panel = i8_pack_panel<D>,
          .operand_bytes = i8_operand_bytes<D>,
          .prepare_thread = prepare_nothing,
          .product = i8_product<D>,
          .quantize = i8_quantize<D>,
          .add_norm = i8_add_norm<D>,
          .attention = i16_attention<D>,
          .attention_scratch_bytes = i16_attention_scratch_bytes<D>,
          .to_f32 = i8_to_f32<D>};
}

}  // namespace
}  // namespace valence::kernels

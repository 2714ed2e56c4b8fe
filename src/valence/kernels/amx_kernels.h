/// \file
/// The AMX table of one precision. Included only by the files that define one.
#pragma once

#include "valence/kernels/amx_attention_kernel.h"
#include "valence/kernels/amx_gate_kernel.h"
#include "valence/kernels/amx_head_kernel.h"
#include "valence/kernels/amx_product_kernel.h"
#include "valence/kernels/amx_row_kernels.h"
#include "valence/kernels/amx_tables.h"

namespace valence::kernels {
namespace {

template <class P>
constexpr EncoderKernels amx_kernels(const char* path) {
  using RowElement = typename P::RowElement;
  return {.path = path,
          .panel_columns = kPanelColumns,
          .row_granularity = kBlockRows,
          .staging_element_bytes = 2,
          .staging_layout = StagingLayout::kOwn,
          // int8: 256 rows of a feed-forward 3072 wide, which with their operand are 2.4 MB around a level-2 cache of
          // 2 MiB: fewer wait longer for the weights than they gain. 16 bits: 128 of them, for the operand is as large.
          .chunk_bytes = P::kQuantized ? 1'600'000 : 786'432,
          .chunk_rows = 256,
          .quantized = P::kQuantized,
          .attends_with_patterns = !AmxSoftmax<RowElement>::kSubtractsMaximum,
          .panel_bytes = amx_panel_bytes<P>,
          .pack_panel = amx_pack_panel<P>,
          .operand_bytes = amx_operand_bytes<P>,
          .prepare_thread = configure_tiles,
          .product = amx_product<P>,
          .quantize = amx_quantize<P>,
          .add_norm = amx_add_norm<P>,
          .gate = amx_gate<P>,
          .attention = amx_attention<RowElement, RowElement, typename P::OwnElement>,
          .attention_scratch_bytes = amx_attention_scratch_bytes,
          .position_scratch_bytes = amx_position_scratch_bytes,
          .turn_heads = AmxSoftmax<RowElement>::kSubtractsMaximum ? nullptr : amx_turn_heads<RowElement>,
          .to_f32 = amx_to_f32<P>};
}

}  // namespace
}  // namespace valence::kernels

/// \file
/// An encoder layer's operations in one reduced precision (int8, bf16 or fp16) on one instruction set.
///
/// The layouts between the operations are each table's own: an Operand is what `product` reads (quantised rows, 16-bit
/// rows, tiles), Staging is what it writes (f32 or 16-bit rows). Callers size both by the functions of the table, pass
/// them from one operation to the next, and never look inside. Hidden states are f32 rows in every table.
///
/// Plain data only, for the reason told in kernel_table.h. All operations are single-threaded, allocate nothing and
/// treat each row (in attention: each sequence) alone: its bits do not depend on its neighbours nor on how rows and
/// panels are divided over calls, so that several threads may share one batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

/// The left side of a product: rows of activations. `scales` and `sums` have room for an element a row; tables of
/// floats do not look at them. 64-byte aligned. Products read ranges of rows that begin at a multiple of
/// EncoderKernels::row_granularity; quantize and add_norm write rows wherever they begin.
struct Operand {
  std::byte* values = nullptr;   ///< operand_bytes(rows, width)
  float* scales = nullptr;       ///< [rows] x = q * scale
  std::int32_t* sums = nullptr;  ///< [rows] sum of q: undoes the offset of unsigned weights
};

/// How staged rows lie in memory. kRows: each row's elements in order, so that a caller may name some columns of a
/// wider matrix. kOwn: however the table does it fastest, in the memory of a multiple of row_granularity rows.
enum class StagingLayout : std::uint8_t { kRows, kOwn };

/// What a product writes: rows of `width` elements of staging_element_bytes each, `stride` elements apart, 64-byte
/// aligned, the stride a multiple of 64 bytes (kOwn: the least one).
struct Staging {
  std::byte* data = nullptr;
  std::int64_t stride = 0;
  StagingLayout layout = StagingLayout::kRows;
  std::int64_t first_row = 0;  ///< kOwn: which of the matrix at `data` is row 0 of the call (kRows: the one at `data`)
};

/// Weights packed by pack_panel, panel after panel. `scales` and `bias` have an element for every column of every
/// panel; bias is zero past the last. A 16-bit table does not look at scales.
struct PackedWeightsView {
  const std::byte* panels = nullptr;
  const float* scales = nullptr;
  const float* bias = nullptr;
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
};

/// Rows of memory that will be read soon: a kernel that has time asks for them on its way.
struct ReadAhead {
  const std::byte* from = nullptr;
  std::int64_t stride_bytes = 0;
  std::int64_t row_bytes = 0;
  std::int64_t rows = 0;
};

/// out[r - first_row][c] = activation(x[r] . W[c] + bias[c]) for rows [first_row, first_row + rows) and the columns of
/// panels [first_panel, first_panel + panels).
struct ProductCall {
  PackedWeightsView weights;
  Operand x;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_panel = 0;
  std::int64_t panels = 0;
  Staging out;
  Activation activation = Activation::kNone;
  ReadAhead ahead = {};  ///< by default the panel after the one in work
};

/// Rows [first_row, first_row + rows) of `out` from f32 rows or from staging rows; row 0 of those is `first_row`.
struct QuantizeCall {
  RowsView<const float> f32;  ///< data null: read `staging`
  Staging staging;
  std::int64_t width = 0;
  Operand out;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
};

/// Rows that add_norm has in work at once, at most: few enough that they stay in the level-1 cache.
inline constexpr std::int64_t kNormRows = 8;

/// hidden = layer_norm(hidden + addend) in place, and the same rows as an operand. With `normed` (pre-norm models),
/// hidden is the sum, and its norm an operand only.
/// hidden.data is row `first_row`, and addend too.
struct AddNormCall {
  RowsView<float> hidden;
  Staging addend;
  std::int64_t width = 0;
  LayerNormWeights norm;
  Operand out;
  std::int64_t first_row = 0;
  float* normed = nullptr;  ///< scratch, [kNormRows][width]
};

/// The operand of activation(x[r][c]) * x[r][width + c] for rows [first_row, first_row + rows); row 0 of x is
/// `first_row`.
struct GateOperandCall {
  Staging x;
  std::int64_t width = 0;  ///< a multiple of kGateColumns
  Activation activation = Activation::kNone;
  Operand out;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  float* row = nullptr;  ///< scratch, [width]
};
inline constexpr std::int64_t kGateColumns = 32;

/// Self-attention over staged projections, which are kRows; out is staged as well (quantise it next).
/// k of token t, head h begins (t - first_token) * k.stride + h * head_dim elements after k.data; q, v and out alike.
/// With kFirstOfEach and kLastOfEach, q and out have one row a sequence instead, row 0 being first_sequence's. No
/// alignment is needed.
struct StagedAttentionCall {
  Staging q;
  Staging k;
  Staging v;
  Staging out;
  const std::int32_t* cu_seqlens = nullptr;  ///< [batch_size + 1]; the call does sequences [first, first + count)
  std::int64_t first_sequence = 0;
  std::int64_t sequences = 0;
  std::int64_t first_token = 0;  ///< which token row 0 of the staged matrices is
  std::int64_t first_head = 0;   ///< and of those, heads [first_head, first_head + heads)
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;
  float scale = 1.0F;
  AttentionQueries queries = AttentionQueries::kAll;
  /// Nothing but the default if the table's attends_with_patterns is not set. distance_rows never fall, and rise by at most one from a
  /// distance to the next. `group` stands for num_kv_heads, which is not looked at.
  AttentionPattern pattern;
  std::int64_t group = 1;                 ///< query heads that share a head of k and v
  std::byte* scratch = nullptr;           ///< attention_scratch_bytes(longest sequence, head_dim), 64-byte aligned
  std::byte* position_scratch = nullptr;  ///< position_scratch_bytes(pattern, longest sequence, head_dim), the same
};

/// Heads of staged kRows rows in place, each as a row of its own: the norm, then the turn by its position (as row_ops.h
/// has it, all of the head), each where asked for. Rounded once.
struct TurnHeadsCall {
  Staging x;  ///< head h at column h * head_dim
  std::int64_t rows = 0;
  std::int64_t num_heads = 0;
  std::int64_t head_dim = 0;
  const LayerNormWeights* norm = nullptr;
  const float* cos = nullptr;  ///< [positions][head_dim / 2], and sin alike; null: no turn
  const float* sin = nullptr;
  const std::int32_t* positions = nullptr;  ///< [rows]
};

/// See the file comment.
struct EncoderKernels {
  const char* path;  ///< how `valence doctor` names it: "AVX-512 VNNI int8"
  std::int32_t panel_columns;
  std::int32_t row_granularity;  ///< products read operands from multiples of it; capacity is rounded up to it
  std::int32_t staging_element_bytes;
  StagingLayout staging_layout;  ///< the fastest for what one operation hands to the next; kRows works as well
  std::int32_t chunk_bytes;      ///< of staging that should be in flight at once to stay in the level-2 cache
  std::int32_t chunk_rows;       ///< and rows of it at most: more gain nothing on the weights, and lose the cache
  bool quantized;                ///< int8: weights come as integers in [-128, 127], with a scale a column
  bool attends_with_patterns;    ///< `attention` does every AttentionPattern

  std::int64_t (*panel_bytes)(std::int64_t in_features) noexcept;
  /// rows [columns][in_features], columns <= panel_columns; writes one panel, zeros past the last column.
  void (*pack_panel)(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept;
  std::int64_t (*operand_bytes)(std::int64_t rows, std::int64_t width) noexcept;

  /// Before the first product or attention of a forward pass, on every thread that takes part (AMX configures its
  /// tiles, which forget what they held). Cheap.
  void (*prepare_thread)() noexcept;
  void (*product)(const ProductCall&) noexcept;
  void (*quantize)(const QuantizeCall&) noexcept;
  void (*add_norm)(const AddNormCall&) noexcept;
  void (*gate)(const GateOperandCall&) noexcept;  ///< null: as fast by to_f32
  void (*attention)(const StagedAttentionCall&) noexcept;
  std::int64_t (*attention_scratch_bytes)(std::int64_t max_seqlen, std::int64_t head_dim) noexcept;
  /// Null without attends_with_patterns; 0 for a pattern that is not disentangled.
  std::int64_t (*position_scratch_bytes)(const AttentionPattern&, std::int64_t max_seqlen,
                                         std::int64_t head_dim) noexcept;
  void (*turn_heads)(const TurnHeadsCall&) noexcept;  ///< null without attends_with_patterns
  /// f32 rows of a staged matrix.
  void (*to_f32)(const Staging& from, RowsView<float> to, std::int64_t width) noexcept;
};

/// Elements from one staged row of `width` to the next.
[[nodiscard]] inline std::int64_t staging_stride(const EncoderKernels& kernels, std::int64_t width) {
  const std::int64_t step = 64 / kernels.staging_element_bytes;
  return (width + step - 1) / step * step;
}

/// Rows of that width that should be staged at a time. At least 32, whatever their width: products over fewer are
/// bound by reading the weights.
[[nodiscard]] inline std::int64_t chunk_rows(const EncoderKernels& kernels, std::int64_t width) {
  constexpr std::int64_t kLeastRows = 32;
  const std::int64_t fitting = kernels.chunk_bytes / (staging_stride(kernels, width) * kernels.staging_element_bytes);
  const std::int64_t most = fitting < kernels.chunk_rows ? fitting : kernels.chunk_rows;
  const std::int64_t rows = most > kLeastRows ? most : kLeastRows;
  return (rows + kernels.row_granularity - 1) / kernels.row_granularity * kernels.row_granularity;
}

}  // namespace valence::kernels

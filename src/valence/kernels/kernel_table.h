/// \file
/// What one instruction set offers: a function for each operation, over plain structs.
///
/// Everything here is plain data, because the files compiled for a higher ISA include it: an inline function that they
/// emitted could be the copy the linker keeps for every caller (they call none; a test looks at their symbols). Callers
/// use linear.h, attention.h and row_ops.h, which check their arguments and call through the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace valence::kernels {

/// Instruction sets in ascending order of preference; VALENCE_ISA names one (see dispatch.h).
enum class Isa : std::uint8_t { kPortable, kAvx2, kAvxVnni, kAvx512Vnni, kAmx };

/// Hugging Face names: gelu (exact, by erf), gelu_new = gelu_pytorch_tanh (kGeluTanh), relu, silu = swish, tanh.
enum class Activation : std::uint8_t { kNone, kGelu, kGeluTanh, kRelu, kSilu, kTanh };

/// How the packed weights of a product are stored.
enum class WeightFormat : std::uint8_t { kF32 };

/// Rows of a row-major matrix inside someone else's memory; row r begins at data + r * stride (in elements).
/// The width is the operation's to know. A stride over the width takes every n-th row, or some columns of a wider
/// matrix.
template <class T>
struct RowsView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t stride = 0;

  // Inlined without optimisation too: the files of an instruction set must not leave a copy for others to call.
  [[gnu::always_inline]] operator RowsView<const T>() const  // NOLINT(google-explicit-constructor): as T* to const T*
      requires(!std::is_const_v<T>) {
    return {data, rows, stride};
  }
};

/// f32 weights in column panels: panel p holds outputs [p * panel_columns, ...), as [in_features][panel_columns], the
/// last one filled up with zeros. `bias` has an element for every column of every panel. 64-byte aligned.
struct F32PanelsView {
  const float* panels = nullptr;
  const float* bias = nullptr;
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
};

/// out = residual + activation(x W^T + bias); residual.data may be null, and may be out.data.
struct LinearCall {
  F32PanelsView weights;
  RowsView<const float> x;
  RowsView<const float> residual;
  RowsView<float> out;
  Activation activation = Activation::kNone;
};

/// Which rows attend. kFirstOfEach: only the first token of each sequence ([CLS]), to all of its sequence; q and out
/// then have one row a sequence instead of one a token. kLastOfEach: the last token alike.
enum class AttentionQueries : std::uint8_t { kAll, kFirstOfEach, kLastOfEach };

/// What a query sees of its sequence, and what is added to its scores. Default: everything, and nothing.
/// A distance is query - key, in tokens; pointers "at distance 0" are read at +-(longest sequence - 1).
struct AttentionPattern {
  /// Grouped-query attention: query head h reads head h / (num_heads / num_kv_heads) of k and v. 0: as many as queries.
  std::int64_t num_kv_heads = 0;
  bool causal = false;       ///< keys after the query are not seen
  std::int64_t window = -1;  ///< >= 0: nor are those further than this from it, on either side

  /// Bias by distance (MPNet, T5): score += relative_bias[h * relative_bias_stride + distance]; at distance 0 of head
  /// 0; null: none.
  const float* relative_bias = nullptr;
  std::int64_t relative_bias_stride = 0;

  /// Disentangled attention (DeBERTa): score = scale * (q . k + q . position_keys[row] + k . position_queries[row]),
  /// row = distance_rows[distance]. The tables are projected embeddings of relative positions, head h at column
  /// h * head_dim of rows `position_stride` floats apart; either may be null, and that term is left out.
  const float* position_keys = nullptr;
  const float* position_queries = nullptr;
  std::int64_t position_stride = 0;
  const std::int32_t* distance_rows = nullptr;  ///< at distance 0; never descends
};

/// See attention.h.
struct AttentionCall {
  const float* q = nullptr;  ///< row t, head h at q + t * q_stride + h * head_dim; see AttentionQueries for its rows
  const float* k = nullptr;
  const float* v = nullptr;
  std::int64_t q_stride = 0;
  std::int64_t kv_stride = 0;
  float* out = nullptr;  ///< row i, head h at out + i * out_stride + h * head_dim
  std::int64_t out_stride = 0;
  const std::int32_t* cu_seqlens = nullptr;  ///< [batch_size + 1]
  std::int64_t batch_size = 0;
  std::int64_t num_heads = 0;
  std::int64_t head_dim = 0;
  float scale = 1.0F;
  AttentionQueries queries = AttentionQueries::kAll;
  AttentionPattern pattern;
  float* scratch = nullptr;  ///< attention_scratch_floats(pattern, longest sequence, head_dim), 64-byte aligned
};

/// kRmsNorm (Zhang and Sennrich 2019): nothing is subtracted, and the mean of the squares stands for the variance.
enum class NormKind : std::uint8_t { kLayerNorm, kRmsNorm };

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias; weight or bias null: left out.
struct LayerNormWeights {
  const float* weight = nullptr;
  const float* bias = nullptr;
  float epsilon = 1e-12F;
  NormKind kind = NormKind::kLayerNorm;
};

/// out = layer_norm(x + addend); addend.data null: layer_norm(x). out may be x or addend.
struct LayerNormCall {
  RowsView<const float> x;
  RowsView<const float> addend;
  RowsView<float> out;
  std::int64_t width = 0;
  LayerNormWeights norm;
};

/// An embedding table [vocab, width]: f32, or int8 with a scale for each row. At most one of f32 and i8 is set;
/// neither: the table is absent and adds nothing.
struct EmbeddingTable {
  const float* f32 = nullptr;
  const std::int8_t* i8 = nullptr;
  const float* row_scales = nullptr;
};

/// out[t] = layer_norm(word[input_ids[t]] + position[position_ids[t]] + token_type[token_type_ids[t]]), or the sum.
struct EmbedCall {
  EmbeddingTable word;
  EmbeddingTable position;
  EmbeddingTable token_type;
  const std::int32_t* input_ids = nullptr;
  const std::int32_t* position_ids = nullptr;
  const std::int32_t* token_type_ids = nullptr;
  RowsView<float> out;
  std::int64_t width = 0;
  LayerNormWeights norm;
  bool normalize = true;
};

/// See row_ops.h.
struct RotaryCall {
  RowsView<float> x;  ///< head h at column h * head_dim
  std::int64_t num_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t rotary_dim = 0;
  const float* cos = nullptr;  ///< [positions][rotary_dim / 2], and sin alike
  const float* sin = nullptr;
  const std::int32_t* positions = nullptr;  ///< [rows]
};

/// out[r][c] = activation(x[r][c]) * x[r][width + c]; out may be x (the same data and stride).
struct GateCall {
  RowsView<const float> x;
  RowsView<float> out;
  std::int64_t width = 0;
  Activation activation = Activation::kNone;
};

/// x += y, row by row.
struct AddRowsCall {
  RowsView<float> x;
  RowsView<const float> y;
  std::int64_t width = 0;
};

/// out = activation(x), element by element; out may be x.
struct ActivateCall {
  const float* x = nullptr;
  float* out = nullptr;
  std::int64_t size = 0;
  Activation activation = Activation::kNone;
};

/// The f32 operations of one instruction set. Single-threaded, allocate nothing, may be called from any thread.
struct F32Kernels {
  std::int32_t panel_columns;
  void (*linear)(const LinearCall&) noexcept;
  void (*attention)(const AttentionCall&) noexcept;
  std::int64_t (*attention_scratch_floats)(const AttentionPattern&, std::int64_t max_seqlen,
                                           std::int64_t head_dim) noexcept;
  void (*layer_norm)(const LayerNormCall&) noexcept;
  void (*embed)(const EmbedCall&) noexcept;
  void (*activate)(const ActivateCall&) noexcept;
  void (*rotate)(const RotaryCall&) noexcept;
  void (*gate)(const GateCall&) noexcept;
  void (*add_rows)(const AddRowsCall&) noexcept;
};

struct EncoderKernels;   // encoder_kernels.h
struct TrainingKernels;  // training_table.h

/// Every operation as this ISA does it best.
struct KernelTable {
  Isa isa;
  const F32Kernels* f32;
  const EncoderKernels* int8;
  const EncoderKernels* bf16;  ///< null: no path; whether the CPU runs it, and fast, is dispatch's to know
  const EncoderKernels* fp16;
  const TrainingKernels* training;
};

}  // namespace valence::kernels

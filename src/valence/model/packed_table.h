/// \file
/// An embedding table as the kernels read it.
#pragma once

#include <cstdint>

#include "valence/kernels/kernel_table.h"
#include "valence/model/weights.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence {

enum class TableFormat : std::uint8_t {
  kStored,  ///< F32 and I8 tables where they lie in the checkpoint, others as an f32 copy
  kI8,      ///< F32, F16 and BF16 tables as int8 with a scale a row: a quarter of the memory of f32
};

/// Movable, not copyable. A view may point into the checkpoint, which must outlive it.
class PackedTable {
 public:
  /// An absent table: adds nothing.
  PackedTable() = default;
  /// What was copied out of `checkpoint` gives its memory back as it goes: no moment sees the table twice.
  static PackedTable pack(const MatrixView& matrix, TableFormat format, const Checkpoint& checkpoint);

  [[nodiscard]] const kernels::EmbeddingTable& view() const { return view_; }

 private:
  kernels::EmbeddingTable view_;
  AlignedBuffer<float> values_;
  AlignedBuffer<std::int8_t> quantized_;
  AlignedBuffer<float> scales_;
};

}  // namespace valence

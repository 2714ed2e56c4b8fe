#include "valence/model/packed_table.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace valence {
namespace {

constexpr std::size_t kRowsBetweenReleases = 2048;

/// row -> integers in [-127, 127]; returns what to multiply them by. A value that is no number leaves a scale that
/// shows in every sum.
float quantize_row(std::span<const float> row, std::int8_t* out) {
  float greatest = 0.0F;
  for (const float v : row) greatest = std::isnan(v) ? v : std::max(greatest, std::abs(v));
  const float scale = greatest / 127.0F;
  const float inverse = std::isfinite(greatest) && scale > 0.0F ? 1.0F / scale : 0.0F;
  if (inverse == 0.0F || !std::isfinite(inverse)) {
    std::fill_n(out, row.size(), static_cast<std::int8_t>(0));
    return std::isfinite(scale) ? 0.0F : scale;
  }
  // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, and vectorises.
  constexpr float kRound = 12582912.0F;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float rounded = (row[i] * inverse + kRound) - kRound;
    out[i] = static_cast<std::int8_t>(std::clamp(rounded, -127.0F, 127.0F));
  }
  return scale;
}

}  // namespace

PackedTable PackedTable::pack(const MatrixView& matrix, TableFormat format, const Checkpoint& checkpoint) {
  PackedTable table;
  const TensorView& values = matrix.values;
  const bool aligned = reinterpret_cast<std::uintptr_t>(values.bytes.data()) % alignof(float) == 0;
  if (values.dtype == DType::kI8) {
    table.view_.i8 = reinterpret_cast<const std::int8_t*>(values.bytes.data());
    table.scales_ = AlignedBuffer<float>(static_cast<std::size_t>(matrix.rows()));
    copy_as_f32(*matrix.row_scale, table.scales_.span());
    table.view_.row_scales = table.scales_.data();
  } else if (format == TableFormat::kI8) {
    const auto columns = static_cast<std::size_t>(matrix.columns());
    table.quantized_ = AlignedBuffer<std::int8_t>(static_cast<std::size_t>(values.elements()));
    table.scales_ = AlignedBuffer<float>(static_cast<std::size_t>(matrix.rows()));
    std::vector<float> row(columns);
    for (std::size_t r = 0; r < table.scales_.size(); ++r) {
      copy_row_as_f32(matrix, static_cast<std::int64_t>(r), row);
      table.scales_.data()[r] = quantize_row(row, table.quantized_.data() + r * columns);
      if (r % kRowsBetweenReleases == 0) checkpoint.release(values);
    }
    checkpoint.release(values);
    table.view_.i8 = table.quantized_.data();
    table.view_.row_scales = table.scales_.data();
  } else if (values.dtype == DType::kF32 && aligned) {
    table.view_.f32 = reinterpret_cast<const float*>(values.bytes.data());
  } else {
    table.values_ = AlignedBuffer<float>(static_cast<std::size_t>(values.elements()));
    copy_as_f32(values, table.values_.span());
    checkpoint.release(values);
    table.view_.f32 = table.values_.data();
  }
  return table;
}

}  // namespace valence

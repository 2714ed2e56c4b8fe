#include "valence/kernels/packed_weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "valence/base/check.h"

namespace valence::kernels {
namespace {

/// A row's weights as integers and what to multiply them by: in [-127, 127], or as they were stored, which may be -128.
/// A weight that is no number makes the scale one that shows in every result.
float to_integers(std::span<float> row, float stored_scale) {
  float scale = stored_scale;
  if (scale == 0.0F) {
    float greatest = 0.0F;
    for (const float w : row) greatest = std::isnan(w) ? w : std::max(greatest, std::abs(w));
    scale = greatest / 127.0F;
  }
  const bool ordinary = std::isfinite(scale) && scale != 0.0F;
  for (float& w : row) {
    w = ordinary ? std::clamp(std::nearbyint(w / scale), -128.0F, 127.0F) : 0.0F;
    if (std::isnan(w)) {
      w = 0.0F;
      scale = std::nanf("");
    }
  }
  return scale;
}

}  // namespace

PackedWeights PackedWeights::pack(const EncoderKernels& kernels, const WeightSource& source) {
  const LinearShape shape = source.shape;
  VALENCE_ASSERT(shape.in_features > 0 && shape.out_features > 0, "the shape comes from a checked configuration");
  VALENCE_ASSERT(source.bias.empty() || static_cast<std::int64_t>(source.bias.size()) == shape.out_features,
                 "one bias an output");
  PackedWeights packed;
  packed.kernels_ = &kernels;
  packed.shape_ = shape;
  const std::int64_t panel_bytes = kernels.panel_bytes(shape.in_features);
  const auto columns = static_cast<std::size_t>(packed.panels() * kernels.panel_columns);
  packed.panels_ = AlignedBuffer<std::byte>(static_cast<std::size_t>(packed.panels() * panel_bytes));
  packed.scales_ = AlignedBuffer<float>(columns);
  packed.bias_ = AlignedBuffer<float>(columns);
  std::fill_n(packed.scales_.data(), columns, 0.0F);
  std::fill_n(std::copy(source.bias.begin(), source.bias.end(), packed.bias_.data()), columns - source.bias.size(),
              0.0F);

  std::vector<float> rows(static_cast<std::size_t>(kernels.panel_columns * shape.in_features));
  for (std::int64_t panel = 0; panel < packed.panels(); ++panel) {
    const std::int64_t first = panel * kernels.panel_columns;
    const std::int64_t count = std::min<std::int64_t>(kernels.panel_columns, shape.out_features - first);
    for (std::int64_t c = 0; c < count; ++c) {
      const auto row = std::span(rows).subspan(static_cast<std::size_t>(c * shape.in_features),
                                               static_cast<std::size_t>(shape.in_features));
      source.rows(first + c, row);
      if (!kernels.quantized) continue;
      const auto output = static_cast<std::size_t>(first + c);
      packed.scales_.data()[output] = to_integers(row, source.scales.empty() ? 0.0F : source.scales[output]);
    }
    kernels.pack_panel(rows.data(), count, shape.in_features, packed.panels_.data() + panel * panel_bytes);
  }
  return packed;
}

std::int64_t PackedWeights::panels() const {
  return (shape_.out_features + kernels_->panel_columns - 1) / kernels_->panel_columns;
}

}  // namespace valence::kernels

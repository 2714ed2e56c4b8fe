/// \file
/// Rows of floats on their way to integers with a scale: what 8-bit and 16-bit operands share.
#pragma once

#include <cstdint>

namespace valence::kernels {
namespace {

inline constexpr float kGreatestFloat = 3.40282347e38F;

// Independent chains of the reductions over a row: enough to hide their latency.
inline constexpr int kRowChains = 4;

/// The greatest magnitude of a row; NaN if it holds one. also(chain, x) sees every element once, and zeros past the
/// end.
template <class D, class Also>
float row_magnitude(const float* row, std::int64_t width, Also also) {
  using V = typename D::Float;
  typename D::Sums greatest[kRowChains];
  for (auto& g : greatest) g = D::magnitude_zero();
  const auto see = [&](int chain, typename V::Vec x) {
    greatest[chain] = D::magnitude_max(greatest[chain], x);
    also(chain, x);
  };
  std::int64_t i = 0;
  for (; i + kRowChains * V::kWidth <= width; i += kRowChains * V::kWidth) {
    for (int chain = 0; chain < kRowChains; ++chain) see(chain, V::load(row + i + chain * V::kWidth));
  }
  for (; i + V::kWidth <= width; i += V::kWidth) see(0, V::load(row + i));
  if (i < width) see(0, V::load_partial(row + i, width - i));
  for (int chain = 1; chain < kRowChains; ++chain) greatest[0] = D::magnitude_join(greatest[0], greatest[chain]);
  return D::magnitude(greatest[0]);
}

/// round(from, to) for each kStep elements of a row, the last ones with zeros after them; then zeros up to `end`.
template <std::int64_t kStep, class Element, class Round>
void write_rounded(const float* row, std::int64_t width, Element* to, std::int64_t end, Round round) {
  const std::int64_t whole = width / kStep * kStep;
  for (std::int64_t k = 0; k < whole; k += kStep) round(row + k, to + k);
  for (std::int64_t k = whole; k < end; ++k) to[k] = 0;
  if (whole < width) {
    alignas(64) float rest[kStep] = {};
    for (std::int64_t k = whole; k < width; ++k) rest[k - whole] = row[k];
    round(rest, to + whole);
  }
}

}  // namespace
}  // namespace valence::kernels

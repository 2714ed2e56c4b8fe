/// \file
/// The softmax of attention on tiles: 2^t in 16 bits, made by integer arithmetic, without dividing by the sum.
///
/// A 16-bit float of 2^t is nearly t in fixed point plus the exponent's bias: t = n + f, and the bits of n + f are
/// those of 2^n * (1 + f), which exceeds 2^t by at most 6 %. A correction that depends on f alone takes that away. Each
/// weight is then within 0.5 % (bf16) or 0.1 % (fp16); what they are divided by is their own sum.
///
/// Weights of 32 keys come in the order in which vpackssdw leaves them: see weight_position().
#pragma once

#include "valence/kernels/amx_elements.h"

namespace valence::kernels {
namespace {

/// Where the weights of keys `pair` * 2 and the next one are among 32, in pairs.
inline std::int64_t weight_position(std::int64_t pair) {
  return pair < 8 ? pair / 2 * 4 + pair % 2 : (pair - 8) / 2 * 4 + 2 + pair % 2;
}

/// Fixed point, rounded and saturated: 32 scores of two tiles in a row. NaN counts as the limit (the second operand of
/// a minimum is chosen), and so does what an integer could not hold.
inline __m512i fixed_point(__m512 low, __m512 high) {
  const __m512 limit = _mm512_set1_ps(32767.0F);
  return _mm512_packs_epi32(_mm512_cvtps_epi32(_mm512_min_ps(low, limit)),
                            _mm512_cvtps_epi32(_mm512_min_ps(high, limit)));
}

template <class E>
struct AmxSoftmax;

/// bf16 reaches as far as f32, so no maximum is subtracted: weights are right while the sum of a row is an ordinary
/// number, which is looked at afterwards.
template <>
struct AmxSoftmax<Bf16> {
  static constexpr bool kSubtractsMaximum = false;
  static constexpr float kOne = 128.0F;  ///< of the fixed point: the bits of the fraction
  static constexpr std::uint16_t kOneBits = 0x3f80;

  __m512i corrections;

  AmxSoftmax() {
    // round(f - 128 * (2^(f / 128) - 1)) + kTableBias in the middle of f = 2 i, 2 i + 1
    alignas(64) static constexpr std::uint8_t kTable[64] = {
        129, 130, 130, 131, 131, 132, 133, 133, 134, 134, 134, 135, 135, 136, 136, 137, 137, 137, 138, 138, 138, 138,
        139, 139, 139, 139, 139, 140, 140, 140, 140, 140, 140, 140, 140, 140, 140, 140, 140, 140, 140, 139, 139, 139,
        139, 139, 138, 138, 138, 137, 137, 137, 136, 136, 135, 135, 134, 134, 133, 132, 132, 131, 130, 130};
    corrections = _mm512_load_si512(kTable);
  }

  [[nodiscard]] __m512i weights(const float* scores, __m512 factor) const {
    return weights({_mm512_mul_ps(_mm512_load_ps(scores), factor),
                    _mm512_mul_ps(_mm512_load_ps(scores + kTileBytes / 4), factor)});
  }
  /// Of 32 exponents of two in fixed point; the weight of -infinity is 0.
  [[nodiscard]] __m512i weights(Floats32 exponents) const {
    constexpr int kTableBias = 129;
    constexpr int kExponentBias = 127 * 128;
    const __m512i t = fixed_point(exponents.low, exponents.high);
    const __m512i correction = _mm512_maskz_permutexvar_epi8(0x5555555555555555U, _mm512_srli_epi16(t, 1), corrections);
    const __m512i bits = _mm512_adds_epi16(t, _mm512_set1_epi16(kExponentBias + kTableBias));
    return _mm512_subs_epu16(_mm512_max_epi16(bits, _mm512_setzero_si512()), correction);
  }
  /// Below, weights of some weight were zero; above, one was cut off, or a score was no number.
  [[nodiscard]] static bool is_sound(float sum) { return sum > 0x1p-90F && sum < 0x1p100F; }
};

/// fp16 reaches from 2^-14 to 2^15: the greatest weight of each row is made 2^15.
template <>
struct AmxSoftmax<Fp16> {
  static constexpr bool kSubtractsMaximum = true;
  static constexpr float kOne = 1024.0F;
  static constexpr std::uint16_t kOneBits = 0x3c00;

  /// The correction is f * (1 - f) * (a + b f), within a bit; f is 16 bits of fraction here. NaN stays above the
  /// bits of infinity.
  [[nodiscard]] __m512i weights(const float* scores, __m512 factor, __m512 greatest) const {
    constexpr int kExponentBias = 30 * 1024;
    // Subtracted before the factor: a rounded product of huge scores would leave more than fp16 holds.
    const auto relative = [&](const float* p) {
      return _mm512_mul_ps(_mm512_sub_ps(_mm512_load_ps(p), greatest), factor);
    };
    const __m512i t = fixed_point(relative(scores), relative(scores + kTileBytes / 4));
    const __m512i f = _mm512_slli_epi16(t, 6);
    const __m512i rest = _mm512_xor_si512(f, _mm512_set1_epi16(-1));
    const __m512i slope = _mm512_add_epi16(_mm512_mulhi_epu16(f, _mm512_set1_epi16(80)), _mm512_set1_epi16(312));
    const __m512i correction = _mm512_mulhi_epu16(_mm512_mulhi_epu16(f, rest), slope);
    const __m512i bits = _mm512_adds_epi16(t, _mm512_set1_epi16(kExponentBias));
    return _mm512_subs_epu16(_mm512_max_epi16(bits, _mm512_setzero_si512()), correction);
  }
  /// A NaN shows as itself, so there is nothing to redo.
  [[nodiscard]] static bool is_sound(float) { return true; }
};

}  // namespace
}  // namespace valence::kernels

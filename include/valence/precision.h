/// \file
/// The number format in which an encoder's products run.
#pragma once

#include <cstdint>
#include <string_view>

namespace valence {

/// fp32 is the reference. int8: weights with a scale an output, activations with a scale a token, exact 32-bit sums.
/// fp16, bf16: both operands rounded, sums in f32.
enum class Precision : std::uint8_t {
  kAuto,  ///< the model's own: int8 where its weights are stored so, else fp32
  kFp32,
  kFp16,
  kBf16,
  kInt8,
};

/// "auto", "fp32", "fp16", "bf16", "int8".
[[nodiscard]] std::string_view name(Precision precision);

}  // namespace valence

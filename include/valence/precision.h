/// \file
/// The number format in which an encoder's products run.
#pragma once

#include <cstdint>
#include <string_view>

namespace valence {

/// fp32 is the reference. int8: weights with a scale an output, activations with a scale a token, exact 32-bit sums;
/// attention in 16 bits. bf16: operands rounded to bf16, sums in f32. fp16: operands of 16 bits; by AMX fp16 numbers
/// with sums in f32, elsewhere integers with a scale an output or token and exact 32-bit sums. What AMX hands from one
/// product to the next in int8 and fp16 is fp16: beyond 65,504 a text is an error there.
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

#include "valence/kernels/bf16_format_avx512.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/half_tables.h"

namespace valence::kernels {

constinit const EncoderKernels kBf16Avx512 = encoder_table<Bf16FormatAvx512>();

}  // namespace valence::kernels

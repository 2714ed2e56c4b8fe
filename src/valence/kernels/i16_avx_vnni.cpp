#include "valence/kernels/dot_avx2.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/half_tables.h"
#include "valence/kernels/i16_format.h"

namespace valence::kernels {

constinit const EncoderKernels kI16AvxVnni = encoder_table<I16Format<DotAvxVnni>>();

}  // namespace valence::kernels

#include "valence/kernels/dot_portable.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/i8_format.h"
#include "valence/kernels/i8_tables.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Portable = encoder_table<I8Format<DotPortable>>();

}  // namespace valence::kernels

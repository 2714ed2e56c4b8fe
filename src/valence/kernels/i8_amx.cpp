#include "valence/kernels/amx_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Amx = amx_kernels<AmxInt8>("AMX int8");

}  // namespace valence::kernels

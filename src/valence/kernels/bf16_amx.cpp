#include "valence/kernels/amx_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kBf16Amx = amx_kernels<AmxBf16>("AMX bf16");

}  // namespace valence::kernels

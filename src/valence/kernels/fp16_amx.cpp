#include "valence/kernels/amx_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kFp16Amx = amx_kernels<AmxFp16>("AMX fp16");

}  // namespace valence::kernels

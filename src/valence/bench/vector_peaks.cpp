#include "valence/bench/vector_peaks.h"

namespace valence::bench {
namespace {

// Twelve accumulators cover latency x throughput of every current core (4 cycles x 2 or 3 ports). Assembly, because a
// compiler keeps neither the count nor the instruction. Operands are zero: on vector units products cost the same
// whatever they are.
#define VALENCE_REPEAT12(step) \
  step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
#define VALENCE_CLEAR(k) "vpxor %%xmm" #k ", %%xmm" #k ", %%xmm" #k "\n"
#define VALENCE_F32_FMA_512(k) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_F32_FMA_256(k) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_BF16_DOT_512(k) "vdpbf16ps %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_FP16_FMA_512(k) "vfmadd231ph %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_INT16_DOT_512(k) "vpdpwssd %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_INT16_DOT_256_EVEX(k) "%{evex%} vpdpwssd %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_INT16_DOT_256_VEX(k) "%{vex%} vpdpwssd %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_INT8_DOT_512(k) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_INT8_DOT_256_EVEX(k) "%{evex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_INT8_DOT_256_VEX(k) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_INT8_MADD_256(k) "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n vpaddd %%ymm13, %%ymm" #k ", %%ymm" #k "\n"

/// A function whose loop applies `step` to every accumulator, with both operands zero.
#define VALENCE_PEAK_LOOP(step)                                                                                    \
  asm volatile(VALENCE_REPEAT12(VALENCE_CLEAR) VALENCE_CLEAR(13) VALENCE_CLEAR(14)                                 \
                   VALENCE_CLEAR(15) "1:\n" VALENCE_REPEAT12(step) "dec %0\n jnz 1b\n vzeroupper\n"                \
               : "+r"(iterations)                                                                                  \
               :                                                                                                   \
               : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", \
                 "xmm13", "xmm14", "xmm15", "cc")

}  // namespace

// Each needs the instruction set of its name, which peaks.cpp has looked for; noinline, so that no caller's vector
// registers live across them.
#define VALENCE_PEAK_FUNCTION(name, step) \
  __attribute__((noinline)) void name(std::int64_t iterations) { VALENCE_PEAK_LOOP(step); }

VALENCE_PEAK_FUNCTION(f32_fma_512, VALENCE_F32_FMA_512)
VALENCE_PEAK_FUNCTION(f32_fma_256, VALENCE_F32_FMA_256)
VALENCE_PEAK_FUNCTION(bf16_dot_512, VALENCE_BF16_DOT_512)
VALENCE_PEAK_FUNCTION(fp16_fma_512, VALENCE_FP16_FMA_512)
VALENCE_PEAK_FUNCTION(int16_dot_512, VALENCE_INT16_DOT_512)
VALENCE_PEAK_FUNCTION(int16_dot_256_evex, VALENCE_INT16_DOT_256_EVEX)
VALENCE_PEAK_FUNCTION(int16_dot_256_vex, VALENCE_INT16_DOT_256_VEX)
VALENCE_PEAK_FUNCTION(int8_dot_512, VALENCE_INT8_DOT_512)
VALENCE_PEAK_FUNCTION(int8_dot_256_evex, VALENCE_INT8_DOT_256_EVEX)
VALENCE_PEAK_FUNCTION(int8_dot_256_vex, VALENCE_INT8_DOT_256_VEX)
VALENCE_PEAK_FUNCTION(int8_madd_256, VALENCE_INT8_MADD_256)

}  // namespace valence::bench

#include "fma_peak.h"

#include <algorithm>
#include <cstdint>

#include "cpu_clock.h"

namespace valence::bench {
namespace {

// Twelve accumulators cover latency x throughput of every current core (4 cycles x 2 or 3 ports). Assembly, because a
// compiler keeps neither the count nor the instruction. Operands are zero: products cost the same whatever they are.
#define VALENCE_REPEAT12(step) \
  step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
#define VALENCE_CLEAR(k) "vpxor %%xmm" #k ", %%xmm" #k ", %%xmm" #k "\n"
#define VALENCE_FMA512(k) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #k "\n"
#define VALENCE_FMA256(k) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #k "\n"
#define VALENCE_REGISTERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15"

constexpr int kAccumulators = 12;

__attribute__((noinline)) void fma512(std::int64_t iterations) {
  asm volatile(VALENCE_REPEAT12(VALENCE_CLEAR) VALENCE_CLEAR(14)
                   VALENCE_CLEAR(15) "1:\n" VALENCE_REPEAT12(VALENCE_FMA512) "dec %0\n jnz 1b\n vzeroupper\n"
               : "+r"(iterations)
               :
               : VALENCE_REGISTERS, "cc");
}

__attribute__((noinline)) void fma256(std::int64_t iterations) {
  asm volatile(VALENCE_REPEAT12(VALENCE_CLEAR) VALENCE_CLEAR(14)
                   VALENCE_CLEAR(15) "1:\n" VALENCE_REPEAT12(VALENCE_FMA256) "dec %0\n jnz 1b\n vzeroupper\n"
               : "+r"(iterations)
               :
               : VALENCE_REGISTERS, "cc");
}

}  // namespace

double measure_f32_fma_peak_gflops() {
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  if (!wide && __builtin_cpu_supports("fma") == 0) return 0;
  const double flop_per_iteration = 2.0 * kAccumulators * (wide ? 16 : 8);
  constexpr std::int64_t kIterations = 1'000'000;  // about 2 ms
  constexpr double kSeconds = 0.05;

  double best = 0;
  const double begin = thread_cpu_seconds();
  for (double start = begin; start < begin + kSeconds;) {
    wide ? fma512(kIterations) : fma256(kIterations);
    const double end = thread_cpu_seconds();
    best = std::max(best, flop_per_iteration * kIterations / (end - start) / 1e9);
    start = end;
  }
  return best;
}

}  // namespace valence::bench

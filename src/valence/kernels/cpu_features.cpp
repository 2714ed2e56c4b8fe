#include "valence/kernels/cpu_features.h"

#include <cstdint>

#include "valence/kernels/cpuid.h"

namespace valence::kernels {
namespace {

bool all(std::uint32_t bits, std::uint32_t wanted) { return (bits & wanted) == wanted; }

// Intel SDM volume 2A, CPUID: leaf 1 ECX, leaf 7.0 EBX, ECX and EDX, leaf 7.1 EAX, leaf 0x80000001 ECX.
constexpr std::uint32_t kAvxFmaMovbeF16c = 1U << 28 | 1U << 12 | 1U << 22 | 1U << 29;
constexpr std::uint32_t kLzcnt = 1U << 5;
constexpr std::uint32_t kAvx2Bmi1Bmi2 = 1U << 5 | 1U << 3 | 1U << 8;
constexpr std::uint32_t kAvx512FDqCdBwVl = 1U << 16 | 1U << 17 | 1U << 28 | 1U << 30 | 1U << 31;
constexpr std::uint32_t kAvx512Vnni = 1U << 11;
constexpr std::uint32_t kAvx512Vbmi = 1U << 1;
constexpr std::uint32_t kAmxTileInt8 = 1U << 24 | 1U << 25;
constexpr std::uint32_t kAvxVnni = 1U << 4;
constexpr std::uint32_t kAvx512Bf16 = 1U << 5;
constexpr std::uint32_t kAmxFp16 = 1U << 21;
constexpr std::uint32_t kAvx512Fp16 = 1U << 23;
constexpr std::uint32_t kAmxBf16 = 1U << 22;

}  // namespace

CpuFeatures detect_cpu_features() {
  CpuFeatures features;
  const CpuidRegisters leaf1 = cpuid(1, 0);
  const std::uint64_t states = saved_register_states();
  const CpuidRegisters leaf7 = cpuid(7, 0);
  const bool ymm = (states & kYmmStates) == kYmmStates;
  const bool zmm = ymm && (states & kZmmStates) == kZmmStates;
  const bool tiles = (states & kTileStates) == kTileStates;
  features.x86_64_v3 =
      ymm && all(leaf1.ecx, kAvxFmaMovbeF16c) && all(leaf7.ebx, kAvx2Bmi1Bmi2) && all(cpuid(0x80000001, 0).ecx, kLzcnt);
  features.x86_64_v4 = features.x86_64_v3 && zmm && all(leaf7.ebx, kAvx512FDqCdBwVl);
  features.avx_vnni = features.x86_64_v3 && all(cpuid(7, 1).eax, kAvxVnni);
  features.avx512_vnni = features.x86_64_v4 && all(leaf7.ecx, kAvx512Vnni);
  features.amx_int8 = features.avx512_vnni && tiles && all(leaf7.edx, kAmxTileInt8);
  const std::uint32_t leaf7_1 = cpuid(7, 1).eax;
  features.avx512_vbmi = features.avx512_vnni && all(leaf7.ecx, kAvx512Vbmi);
  features.avx512_bf16 = features.avx512_vnni && all(leaf7_1, kAvx512Bf16);
  features.avx512_fp16 = features.avx512_vnni && all(leaf7.edx, kAvx512Fp16);
  features.amx_bf16 = features.amx_int8 && all(leaf7.edx, kAmxBf16);
  features.amx_fp16 = features.amx_int8 && all(leaf7_1, kAmxFp16);
  return features;
}

}  // namespace valence::kernels

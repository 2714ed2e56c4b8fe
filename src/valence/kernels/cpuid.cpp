#include "valence/kernels/cpuid.h"

#include <cpuid.h>

namespace valence::kernels {
namespace {

constexpr std::uint32_t kExtended = 0x80000000;

}  // namespace

CpuidRegisters cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  // __get_cpuid_count() would ask for the highest leaf each time, and in a virtual machine every question leaves it.
  static const unsigned most_basic = __get_cpuid_max(0, nullptr);
  static const unsigned most_extended = __get_cpuid_max(kExtended, nullptr);
  CpuidRegisters r;
  if (leaf <= ((leaf & kExtended) == 0 ? most_basic : most_extended)) {
    __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  }
  return r;
}

std::uint64_t saved_register_states() {
  constexpr std::uint32_t kOsxsave = 1U << 27;
  if ((cpuid(1, 0).ecx & kOsxsave) == 0) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

}  // namespace valence::kernels

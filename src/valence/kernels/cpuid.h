/// \file
/// The CPUID instruction and the register states that the operating system saves.
#pragma once

#include <cstdint>

namespace valence::kernels {

struct CpuidRegisters {
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
};

/// All zeros for a leaf over the highest: no feature.
[[nodiscard]] CpuidRegisters cpuid(std::uint32_t leaf, std::uint32_t subleaf);

/// XCR0: the register states that the operating system saves; 0 when it does not say (no OSXSAVE).
[[nodiscard]] std::uint64_t saved_register_states();

// Intel SDM volume 1, 13.1: bits of XCR0.
inline constexpr std::uint64_t kYmmStates = 0x06;      // SSE, AVX
inline constexpr std::uint64_t kZmmStates = 0xe0;      // opmask, upper halves, registers 16..31
inline constexpr std::uint64_t kTileStates = 0x60000;  // configuration, data

}  // namespace valence::kernels

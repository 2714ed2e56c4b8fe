/// \file
/// Which processor this is, for choices that no feature flag tells and for reports to people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace valence::kernels {

struct CpuIdentity {
  std::string vendor;        ///< "GenuineIntel", "AuthenticAMD"
  std::string brand;         ///< as the processor calls itself, e.g. "AMD EPYC 9B45 128-Core Processor"
  std::uint32_t family = 0;  ///< extended family added
  std::uint32_t model = 0;   ///< extended model included
  std::uint32_t stepping = 0;
  std::string_view micro_architecture;  ///< "Zen 5", "Emerald Rapids", ...; empty when it is none that we know
};

[[nodiscard]] CpuIdentity identify_cpu();

/// The micro-architecture of a server or desktop core by what CPUID leaf 1 says; empty for one that we do not know.
[[nodiscard]] std::string_view micro_architecture(std::string_view vendor, std::uint32_t family, std::uint32_t model);

/// Multiply-adds a second of a bf16 dot product (vdpbf16ps) beside f32's at the same width; no flag tells.
enum class Bf16DotSpeed {
  kAbsent,   ///< no such instruction, or its registers are not saved
  kTwice,    ///< AMD Zen 4 and 5
  kHalf,     ///< Intel Sapphire, Emerald and Granite Rapids
  kUnknown,  ///< a micro-architecture that nobody measured
};
[[nodiscard]] Bf16DotSpeed bf16_dot_speed(const CpuIdentity& cpu);

/// An instruction set extension that some kernel asks for.
struct CpuFlag {
  std::string_view name;  ///< as Linux spells it in /proc/cpuinfo
  bool in_cpu = false;    ///< CPUID has it
  bool usable = false;    ///< and the operating system saves its registers
};

/// All of them, present or not, plainest first.
[[nodiscard]] std::vector<CpuFlag> cpu_flags();
[[nodiscard]] bool has_flag(std::string_view name);

}  // namespace valence::kernels

#include "valence/kernels/cpu_identity.h"

#include <array>
#include <cstring>

#include "valence/kernels/cpuid.h"

namespace valence::kernels {
namespace {

enum class Register { kEax, kEbx, kEcx, kEdx };

/// Where CPUID keeps a flag, and which register states it needs. Intel SDM volume 2A, CPUID; AMD APM volume 3, E.
struct FlagPlace {
  std::string_view name;
  std::uint32_t leaf;
  std::uint32_t subleaf;
  Register in;
  std::uint32_t bit;
  std::uint64_t states;
};

constexpr std::array<FlagPlace, 18> kFlags = {{
    {"sse4_2", 1, 0, Register::kEcx, 20, 0},
    {"avx", 1, 0, Register::kEcx, 28, kYmmStates},
    {"f16c", 1, 0, Register::kEcx, 29, kYmmStates},
    {"fma", 1, 0, Register::kEcx, 12, kYmmStates},
    {"avx2", 7, 0, Register::kEbx, 5, kYmmStates},
    {"avx_vnni", 7, 1, Register::kEax, 4, kYmmStates},
    {"avx512f", 7, 0, Register::kEbx, 16, kYmmStates | kZmmStates},
    {"avx512dq", 7, 0, Register::kEbx, 17, kYmmStates | kZmmStates},
    {"avx512bw", 7, 0, Register::kEbx, 30, kYmmStates | kZmmStates},
    {"avx512vl", 7, 0, Register::kEbx, 31, kYmmStates | kZmmStates},
    {"avx512_vbmi", 7, 0, Register::kEcx, 1, kYmmStates | kZmmStates},
    {"avx512_vnni", 7, 0, Register::kEcx, 11, kYmmStates | kZmmStates},
    {"avx512_bf16", 7, 1, Register::kEax, 5, kYmmStates | kZmmStates},
    {"avx512_fp16", 7, 0, Register::kEdx, 23, kYmmStates | kZmmStates},
    {"amx_tile", 7, 0, Register::kEdx, 24, kTileStates},
    {"amx_int8", 7, 0, Register::kEdx, 25, kTileStates},
    {"amx_bf16", 7, 0, Register::kEdx, 22, kTileStates},
    {"amx_fp16", 7, 1, Register::kEax, 21, kTileStates},
}};

std::uint32_t value_of(const CpuidRegisters& registers, Register which) {
  switch (which) {
    case Register::kEax:
      return registers.eax;
    case Register::kEbx:
      return registers.ebx;
    case Register::kEcx:
      return registers.ecx;
    case Register::kEdx:
      return registers.edx;
  }
  return 0;
}

void append_bytes(std::string& text, std::uint32_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  for (const char byte : bytes) {
    if (byte != '\0') text += byte;
  }
}

std::string brand_string() {
  std::string brand;
  for (std::uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const CpuidRegisters part = cpuid(leaf, 0);
    for (const std::uint32_t value : {part.eax, part.ebx, part.ecx, part.edx}) append_bytes(brand, value);
  }
  brand.erase(0, brand.find_first_not_of(' '));
  brand.erase(brand.find_last_not_of(' ') + 1);
  return brand;
}

}  // namespace

std::string_view micro_architecture(std::string_view vendor, std::uint32_t family, std::uint32_t model) {
  if (vendor == "GenuineIntel" && family == 6) {
    switch (model) {
      case 0x55:
        return "Skylake-SP or Cascade Lake";
      case 0x6a:
      case 0x6c:
        return "Ice Lake-SP";
      case 0x8f:
        return "Sapphire Rapids";
      case 0xcf:
        return "Emerald Rapids";
      case 0xad:
      case 0xae:
        return "Granite Rapids";
      default:
        return "";
    }
  }
  if (vendor == "AuthenticAMD") {
    if (family == 0x1a) return "Zen 5";
    if (family == 0x19) {
      const bool zen4 =
          (model >= 0x10 && model <= 0x1f) || (model >= 0x60 && model <= 0x7f) || (model >= 0xa0 && model <= 0xaf);
      return zen4 ? "Zen 4" : "Zen 3";
    }
  }
  return "";
}

CpuIdentity identify_cpu() {
  CpuIdentity cpu;
  const CpuidRegisters leaf0 = cpuid(0, 0);
  for (const std::uint32_t part : {leaf0.ebx, leaf0.edx, leaf0.ecx}) append_bytes(cpu.vendor, part);
  const std::uint32_t signature = cpuid(1, 0).eax;
  const std::uint32_t family = signature >> 8U & 0xfU;
  cpu.family = family + (family == 0xf ? signature >> 20U & 0xffU : 0);
  cpu.model = (signature >> 4U & 0xfU) | (family == 6 || family == 0xf ? (signature >> 16U & 0xfU) << 4U : 0);
  cpu.stepping = signature & 0xfU;
  cpu.brand = brand_string();
  cpu.micro_architecture = micro_architecture(cpu.vendor, cpu.family, cpu.model);
  return cpu;
}

Bf16DotSpeed bf16_dot_speed(const CpuIdentity& cpu) {
  if (!has_flag("avx512_bf16")) return Bf16DotSpeed::kAbsent;
  const std::string_view core = cpu.micro_architecture;
  if (core == "Zen 4" || core == "Zen 5") return Bf16DotSpeed::kTwice;
  if (core == "Sapphire Rapids" || core == "Emerald Rapids" || core == "Granite Rapids") return Bf16DotSpeed::kHalf;
  return Bf16DotSpeed::kUnknown;
}

std::vector<CpuFlag> cpu_flags() {
  const std::uint64_t saved = saved_register_states();
  std::vector<CpuFlag> flags;
  for (const FlagPlace& place : kFlags) {
    const bool in_cpu = (value_of(cpuid(place.leaf, place.subleaf), place.in) >> place.bit & 1U) != 0;
    flags.push_back({place.name, in_cpu, in_cpu && (saved & place.states) == place.states});
  }
  return flags;
}

bool has_flag(std::string_view name) {
  for (const CpuFlag& flag : cpu_flags()) {
    if (flag.name == name) return flag.usable;
  }
  return false;
}

}  // namespace valence::kernels

#include "valence/kernels/dispatch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdlib>

#include "valence/kernels/amx_permission.h"
#include "valence/kernels/amx_tables.h"
#include "valence/kernels/bf16_dispatch.h"
#include "valence/kernels/bf16_product_tables.h"
#include "valence/kernels/cpu_features.h"
#include "valence/kernels/cpu_identity.h"
#include "valence/kernels/f32_tables.h"
#include "valence/kernels/half_tables.h"
#include "valence/kernels/i8_tables.h"
#include "valence/kernels/training_tables.h"

namespace valence::kernels {
namespace {

/// An ISA: what it is called, which CPUs run it, and its kernels.
struct IsaEntry {
  std::string_view name;
  bool (*runs_on)(const CpuFeatures&);
  KernelTable table;
};

/// The rest of what the AMX kernels use; every CPU with AMX so far has it. The operating system is asked last, and
/// once.
bool runs_amx(const CpuFeatures& cpu) {
  const bool able = cpu.amx_int8 && cpu.amx_bf16 && cpu.avx512_vbmi && cpu.avx512_bf16 && cpu.avx512_fp16;
  return able && amx_permission().answer == AmxAnswer::kGranted;
}

/// In ascending order of preference, which is the order of the enum. VNNI and AMX differ from the vector ISA they come
/// with in their 8- and 16-bit kernels only.
constinit const std::array<IsaEntry, 5> kIsas = {{
    {"portable",
     [](const CpuFeatures&) { return true; },
     {Isa::kPortable, &kF32Portable, &kI8Portable, nullptr, nullptr, &kTrainingPortable}},
    {"avx2",
     [](const CpuFeatures& cpu) { return cpu.x86_64_v3; },
     {Isa::kAvx2, &kF32Avx2, &kI8Avx2, nullptr, nullptr, &kTrainingAvx2}},
    {"avx_vnni",
     [](const CpuFeatures& cpu) { return cpu.avx_vnni; },
     {Isa::kAvxVnni, &kF32Avx2, &kI8AvxVnni, nullptr, &kI16AvxVnni, &kTrainingAvx2}},
    {"avx512_vnni",
     [](const CpuFeatures& cpu) { return cpu.avx512_vnni; },
     {Isa::kAvx512Vnni, &kF32Avx512, &kI8Avx512Vnni, &kBf16Avx512, &kI16Avx512Vnni, &kTrainingAvx512}},
    {"amx", runs_amx, {Isa::kAmx, &kF32Avx512, &kI8Amx, &kBf16Amx, &kFp16Amx, &kTrainingAvx512}},
}};

const IsaEntry& entry(Isa isa) { return kIsas[static_cast<std::size_t>(isa)]; }

const CpuFeatures& cpu() {
  static const CpuFeatures features = detect_cpu_features();
  return features;
}

/// AVX512-BF16 where it beats f32.
bool bf16_dot_is_fast() {
  static const bool fast = cpu().avx512_bf16 && bf16_dot_speed(identify_cpu()) == Bf16DotSpeed::kTwice;
  return fast;
}

std::string runnable_names() {
  std::vector<std::string_view> names;
  for (const Isa isa : runnable_isas()) names.push_back(name(isa));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string_view name(Isa isa) { return entry(isa).name; }

std::vector<Isa> runnable_isas() {
  std::vector<Isa> runnable;
  for (const IsaEntry& isa : kIsas) {
    if (isa.runs_on(cpu())) runnable.push_back(isa.table.isa);
  }
  return runnable;
}

Result<const KernelTable*> kernel_table(Isa isa) {
  if (!entry(isa).runs_on(cpu())) {
    return fail(ErrorCode::kUnsupported, {}, fmt::format("this CPU does not run {} kernels", name(isa)),
                fmt::format("it runs {}", runnable_names()));
  }
  return &entry(isa).table;
}

Result<const KernelTable*> kernel_table_named(std::string_view isa_name) {
  if (isa_name.empty()) return kernel_table(runnable_isas().back());
  for (const IsaEntry& isa : kIsas) {
    if (isa.name == isa_name) return kernel_table(isa.table.isa);
  }
  return fail(ErrorCode::kInvalidArgument, {}, fmt::format("no instruction set is called \"{}\"", isa_name),
              fmt::format("this CPU runs {}; leave it empty for the best", runnable_names()));
}

const EncoderKernels* encoder_kernels(const KernelTable& table, Precision precision) {
  switch (precision) {
    case Precision::kInt8:
      return table.int8;
    case Precision::kBf16:
      return table.isa == Isa::kAmx || bf16_dot_is_fast() ? table.bf16 : nullptr;
    case Precision::kFp16:
      return table.isa == Isa::kAmx && !cpu().amx_fp16 ? entry(Isa::kAvx512Vnni).table.fp16 : table.fp16;
    case Precision::kAuto:
    case Precision::kFp32:
      break;
  }
  return nullptr;
}

const Bf16Products& bf16_products(const KernelTable& table) {
  switch (table.isa) {
    case Isa::kAmx:
      return kBf16ProductsAmx;
    case Isa::kAvx512Vnni:
      return bf16_dot_is_fast() ? kBf16ProductsAvx512Bf16 : kBf16ProductsAvx512;
    case Isa::kAvxVnni:
    case Isa::kAvx2:
      return kBf16ProductsAvx2;
    case Isa::kPortable:
      break;
  }
  return kBf16ProductsPortable;
}

bool bf16_products_are_fast(const KernelTable& table) {
  return table.isa == Isa::kAmx || (table.isa == Isa::kAvx512Vnni && bf16_dot_is_fast());
}

const Result<const KernelTable*>& selected_kernels() {
  static const Result<const KernelTable*> selected = []() -> Result<const KernelTable*> {
    const char* isa_name = std::getenv("VALENCE_ISA");
    auto table = kernel_table_named(isa_name == nullptr ? "" : isa_name);
    if (!table) return fail(table.error().in("VALENCE_ISA"));
    return table;
  }();
  return selected;
}

}  // namespace valence::kernels

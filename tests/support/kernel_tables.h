/// \file
/// The kernels that a test of the whole encoder can run: the CPU's, and AMX on emulated tiles.
#pragma once

#include <vector>

#include "support/amx_emulator.h"
#include "valence/kernels/amx_tables.h"
#include "valence/kernels/cpu_features.h"
#include "valence/kernels/dispatch.h"
#include "valence/kernels/f32_tables.h"
#include "valence/kernels/training_tables.h"

namespace valence {

/// Tiles are emulated, AVX-512 is not.
inline bool can_emulate_amx(const kernels::CpuFeatures& cpu) {
  return cpu.avx512_fp16 && cpu.avx512_bf16 && cpu.avx512_vbmi;
}

struct TestedKernels {
  kernels::KernelTable table;
  bool emulated = false;  ///< thousands of times slower: keep the work small
};

inline std::vector<TestedKernels> tested_kernels() {
  std::vector<TestedKernels> tested;
  for (const kernels::Isa isa : kernels::runnable_isas()) tested.push_back({*kernels::kernel_table(isa).value()});
  const kernels::CpuFeatures cpu = kernels::detect_cpu_features();
  if (tested.back().table.isa != kernels::Isa::kAmx && can_emulate_amx(cpu)) {
    install_amx_emulator();
    tested.push_back({{kernels::Isa::kAmx, &kernels::kF32Avx512, &kernels::kI8Amx, &kernels::kBf16Amx,
                       &kernels::kFp16Amx, &kernels::kTrainingAvx512},
                      true});
  }
  return tested;
}

}  // namespace valence

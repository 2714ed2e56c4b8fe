/// \file
/// Picks the fastest kernels this CPU runs, once, before the first call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/kernels/kernel_table.h"
#include "valence/precision.h"

namespace valence::kernels {

/// "portable", "avx2", "avx_vnni", "avx512_vnni" or "amx", as VALENCE_ISA and `valence version` spell them.
[[nodiscard]] std::string_view name(Isa isa);

/// The ISAs this CPU and operating system run, in ascending order of preference; never empty (kPortable).
[[nodiscard]] std::vector<Isa> runnable_isas();

/// kUnsupported if this CPU does not run `isa`. The table lives as long as the program.
[[nodiscard]] Result<const KernelTable*> kernel_table(Isa isa);

/// The table called `isa_name`; the empty name is the best this CPU runs. kInvalidArgument for a name that is no ISA,
/// kUnsupported for one this CPU does not run; both list what it runs.
[[nodiscard]] Result<const KernelTable*> kernel_table_named(std::string_view isa_name);

/// The table's fused kernels for a reduced precision, or null where this CPU has none that beats f32: a CPU may have
/// the instructions and run them slowly. vdpbf16ps has twice the rate of f32 on AMD Zen 4 and 5, and half of it on
/// Intel's Sapphire, Emerald and Granite Rapids (measured: docs/performance.md).
[[nodiscard]] const EncoderKernels* encoder_kernels(const KernelTable& table, Precision precision);

/// kernel_table_named of the environment variable VALENCE_ISA, which is read once, at the first call. Thread-safe.
[[nodiscard]] const Result<const KernelTable*>& selected_kernels();

}  // namespace valence::kernels

/// \file
/// Which peak a speed is compared with.
#pragma once

#include <optional>

#include "valence/bench/peaks.h"
#include "valence/kernels/kernel_table.h"
#include "valence/precision.h"

namespace valence::bench {

/// The fastest arithmetic that kernels of `isa` have for `precision` (not kAuto); of AMX the peak under real data.
/// Nothing when there are no such kernels, this CPU does not run them, and for portable kernels, which use no unit with
/// a peak of its own.
[[nodiscard]] std::optional<Peak> reference_peak(Precision precision, kernels::Isa isa);

}  // namespace valence::bench

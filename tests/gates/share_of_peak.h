/// \file
/// How much of the register-loop peak a kernel reaches, on a machine that others use as well.
#pragma once

#include "gates/hot_kernels.h"

namespace valence::gates {

struct ShareOfPeak {
  double gops = 0;
  double peak_gops = 0;

  [[nodiscard]] double share() const { return gops / peak_gops; }
};

/// The best slices of 2 ms of the thread's processor time, kernel and peak in turns: of five rounds one is likely to be
/// undisturbed. Takes about 0.2 s.
[[nodiscard]] ShareOfPeak measure_share_of_peak(const HotKernel& kernel);

}  // namespace valence::gates

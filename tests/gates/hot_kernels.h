/// \file
/// The kernels that an encoder spends its time in, each alone, on shapes of MiniLM: 128 tokens, 12 heads of 32.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "valence/bench/peaks.h"
#include "valence/kernels/kernel_table.h"

namespace valence::gates {

struct HotKernel {
  std::string name;  ///< "int8 product"
  bench::Peak peak;  ///< what its speed is compared with
  double gop = 0;    ///< of one run, 1 multiply-add = 2 op
  std::function<void()> run;
  std::function<void()> prepare;  ///< before the first run, and after the peak was measured on this thread
};

/// Product and attention in each precision that `table` has kernels and this CPU a peak for; none of portable kernels.
[[nodiscard]] std::vector<HotKernel> hot_kernels(const kernels::KernelTable& table);

}  // namespace valence::gates

/// \file
/// How fast this machine reads memory, level by level.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "valence/bench/machine.h"

namespace valence::bench {

/// A buffer that lies in one level of the memory when it is read again and again.
struct ReadProbe {
  std::string level;                 ///< "L1", "L2", "L3", "DRAM"
  std::size_t bytes_per_thread = 0;  ///< a multiple of 4 KiB
};

/// Half of each private cache, 8 MiB a thread of the shared one where it is larger, and for DRAM twice the largest
/// level in all its instances, at least 64 MiB and at most 2 GiB, divided over the threads. A shared cache of which a
/// thread's part is no larger than its private one is left out.
[[nodiscard]] std::vector<ReadProbe> read_probes(const std::vector<Cache>& caches, std::size_t threads);

/// GB/s (1e9 bytes) of all threads together, each reading its own buffer with the widest loads this CPU has; the median
/// of five rounds, timed as measure_peak_gops is. Takes about `seconds`, and the time to fill the buffers.
[[nodiscard]] double measure_read_gbs(std::size_t bytes_per_thread, std::size_t threads, double seconds);

}  // namespace valence::bench

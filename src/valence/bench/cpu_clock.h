/// \file
/// Processor time, so that other programs on a core cost a measurement only the cache they take.
#pragma once

namespace valence::bench {

/// Of the calling thread.
[[nodiscard]] double thread_cpu_seconds();

}  // namespace valence::bench

/// \file
/// Processor time: what a benchmark takes on a core that others use too.
#pragma once

namespace valence::bench {

/// Seconds that the calling thread has computed.
double thread_cpu_seconds();

}  // namespace valence::bench

/// \file
/// Several threads that start at the same moment.
#pragma once

#include <cstddef>
#include <functional>

namespace valence::bench {

/// Runs prepare(thread), then, once every thread is there, work(thread), on `threads` threads of their own. Returns the
/// wall-clock seconds from the first start of work to its last end. Throws what prepare throws, and std::system_error
/// when a thread cannot be started: then nobody works. `work` must not throw.
double seconds_together(std::size_t threads, const std::function<void(std::size_t)>& prepare,
                        const std::function<void(std::size_t)>& work);

}  // namespace valence::bench

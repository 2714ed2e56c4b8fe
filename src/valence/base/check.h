/// \file
/// Assertions for our own bugs. Never for input: input is refused with an Error.
#pragma once

namespace valence::detail {
[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file, int line);
}

/// Checked in every build type: the cost is a predictable branch, the gain is that a broken invariant stops at its
/// source instead of as a wrong label. Not for inner loops.
#define VALENCE_ASSERT(condition, why)                                            \
  do {                                                                            \
    if (!(condition)) [[unlikely]] {                                              \
      ::valence::detail::assertion_failed(#condition, (why), __FILE__, __LINE__); \
    }                                                                             \
  } while (false)

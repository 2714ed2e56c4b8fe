/// \file
/// Linux lets a program use AMX tiles only after it has asked.
#pragma once

namespace valence::kernels {

enum class AmxAnswer {
  kNoTiles,  ///< nothing to ask for: the CPU has no tiles, or the operating system does not save them
  kGranted,
  kRefused,
};

struct AmxPermission {
  AmxAnswer answer = AmxAnswer::kNoTiles;
  int error = 0;  ///< errno of a refusal
};

/// Asks the operating system once a process, at the first call; all threads inherit a grant. Thread-safe.
/// Source: Linux, Documentation/arch/x86/xstate.rst.
[[nodiscard]] const AmxPermission& amx_permission();

}  // namespace valence::kernels

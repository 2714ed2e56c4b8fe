/// \file
/// Exit codes of the program: one for each way to end (docs/exit-codes.md).
#pragma once

#include "valence/error.h"

namespace valence::cli {

enum class ExitCode : int {
  kOk = 0,
  kSomeRowsFailed = 1,
  kUsage = 2,
  kBadInput = 3,
  kRemote = 4,
  kIo = 5,
  kOverloaded = 6,
  kInternal = 70,
  kInterrupted = 130,
  kTerminated = 143,
};

[[nodiscard]] ExitCode exit_code_for(ErrorCode code);

}  // namespace valence::cli

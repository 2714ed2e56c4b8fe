#include "valence/cli/exit_code.h"

namespace valence::cli {

ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
      return ExitCode::kUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kInvalidData:
      return ExitCode::kBadInput;
    case ErrorCode::kIo:
      return ExitCode::kIo;
    case ErrorCode::kRemote:
      return ExitCode::kRemote;
    case ErrorCode::kOverloaded:
    case ErrorCode::kDeadlineExceeded:
      return ExitCode::kOverloaded;
    case ErrorCode::kCancelled:
      return ExitCode::kInterrupted;
    case ErrorCode::kInternal:
      return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
}

}  // namespace valence::cli

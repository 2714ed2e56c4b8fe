#include "valence/cli/confirm.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "valence/cli/terminal.h"

namespace valence::cli {

std::optional<ExitCode> refused(bool yes, const std::string& what, const std::string& plan,
                                const std::string& question) {
  if (yes) return std::nullopt;
  if (!is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) {
    print_error({ErrorCode::kInvalidArgument, what, "is not deleted without being sure",
                 "add --yes; --dry-run shows what would go"});
    return ExitCode::kUsage;
  }
  std::fputs(plan.c_str(), stderr);
  std::fputs(fmt::format("{} [y/N] ", question).c_str(), stderr);
  std::fflush(stderr);
  char answer[16] = "";
  if (std::fgets(answer, sizeof answer, stdin) != nullptr && (answer[0] == 'y' || answer[0] == 'Y'))
    return std::nullopt;
  print_note("nothing is removed");
  return ExitCode::kSomeRowsFailed;
}

}  // namespace valence::cli

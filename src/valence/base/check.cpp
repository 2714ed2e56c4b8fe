#include "valence/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace valence::detail {

void assertion_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "internal error: %s:%d: %s does not hold: %s. Please report this.\n", file, line, condition,
               why);
  std::abort();
}

}  // namespace valence::detail

#include "valence/base/large_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace valence {

void ask_for_large_pages(void* memory, std::size_t size_bytes) {
  constexpr std::uintptr_t kLargePage = std::uintptr_t{2} << 20U;
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + kLargePage - 1) / kLargePage * kLargePage;
  const std::uintptr_t end = (begin + size_bytes) / kLargePage * kLargePage;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace valence

/// \file
/// Large pages for large memory: fewer to be found and cleared, fewer translations to look up.
#pragma once

#include <cstddef>

namespace valence {

/// Asks the system to back what it can of [memory, memory + size_bytes), a span of anonymous memory that will be written
/// whole, by large pages. A wish: where it is not granted, pages are small and all else is the same.
void ask_for_large_pages(void* memory, std::size_t size_bytes);

}  // namespace valence

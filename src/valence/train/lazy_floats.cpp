#include "valence/train/lazy_floats.h"

#include <sys/mman.h>

#include <new>

#include "valence/base/large_pages.h"

namespace valence::train {

LazyFloats::LazyFloats(std::size_t size, std::size_t dense) : size_(size) {
  if (size == 0) return;
  const std::size_t size_bytes = size * sizeof(float);
  void* memory =
      ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ask_for_large_pages(memory, dense * sizeof(float));
  memory_ = std::unique_ptr<void, Unmap>(memory, Unmap{size_bytes});
}

void LazyFloats::Unmap::operator()(void* memory) const { ::munmap(memory, size_bytes); }

}  // namespace valence::train

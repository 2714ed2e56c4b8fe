/// \file
/// Zeroed memory of which the operating system gives only the pages that are written.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace valence::train {

/// What moments and gradients of large embedding tables need: most rows are never touched. Movable.
class LazyFloats {
 public:
  LazyFloats() = default;
  /// Throws std::bad_alloc when there is no room for it.
  /// `dense`: of so many at the front all pages will be used; the system is asked for large ones, of which fewer have
  /// to be found.
  explicit LazyFloats(std::size_t size, std::size_t dense = 0);

  [[nodiscard]] float* data() const { return static_cast<float*>(memory_.get()); }
  [[nodiscard]] std::span<float> span() const { return {data(), size_}; }

 private:
  struct Unmap {
    std::size_t size_bytes;
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Unmap> memory_;
  std::size_t size_ = 0;
};

}  // namespace valence::train

/// \file
/// Builds safetensors images for tests, right ones and wrong ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace valence::testing {

struct ImageTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

/// The length of `header`, `header`, and `data`: right by itself, whatever the header says.
[[nodiscard]] std::string image_of(std::string_view header, std::string_view data = {});

/// A valid image of `tensors`, laid out in their order. Names must need no escaping.
[[nodiscard]] std::string image_of(const std::vector<ImageTensor>& tensors);

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace valence::testing

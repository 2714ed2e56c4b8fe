/// \file
/// The safetensors format for writing, laid out as the reference implementation does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "valence/tensor/tensor_view.h"

namespace valence {

/// `__metadata__`: strings by name.
using SafetensorsMetadata = std::map<std::string, std::string>;

/// A file as the pieces that follow each other in it. `tensors` view what the table viewed.
struct SafetensorsLayout {
  std::string header;  ///< its length in 8 bytes, the JSON, and spaces up to a multiple of 8
  std::vector<std::span<const std::byte>> tensors;

  [[nodiscard]] std::uint64_t size_bytes() const;
};

/// Wide elements come first, then names in order, so that every tensor is aligned to its element. Names and metadata
/// must be valid UTF-8. Source: the `prepare` function of safetensors 0.4, https://github.com/huggingface/safetensors.
[[nodiscard]] SafetensorsLayout lay_out_safetensors(const TensorTable& tensors, const SafetensorsMetadata& metadata);

}  // namespace valence

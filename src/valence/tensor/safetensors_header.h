/// \file
/// The JSON header of a safetensors file, read entry by entry without a document tree. safetensors_reader checks what
/// the entries claim against the bytes that are there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// One tensor as the header declares it; offsets count from the first byte after the header.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// The entries in the header's order, each name once.
///
/// Strict: exactly the keys dtype, shape and data_offsets, once each; `__metadata__` holds strings only. `source` names
/// the file in errors. Source of the format: https://github.com/huggingface/safetensors, README "Format".
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::string_view header, const std::string& source);

}  // namespace valence

/// \file
/// A GGUF file in memory: its metadata, and its tensors by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "valence/base/error.h"
#include "valence/tensor/gguf_metadata.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

constexpr std::uint64_t kMaxGgufKeys = 65'536;
constexpr std::uint64_t kMaxGgufTensors = 65'536;
constexpr std::uint64_t kMaxGgufStringBytes = 64U << 20U;

/// Both are views into the image. Shapes are row-major, as everywhere here: the file's order reversed.
struct GgufFile {
  GgufMetadata metadata;
  TensorTable tensors;
};

/// Checks the whole image before anything of it is used: counts, lengths, types, shapes, and that every tensor lies
/// inside the file, aligned, in no other's place. Takes time by the number of keys, strings and tensors, and memory for
/// keys and tensors only. `source` names the image in errors.
///
/// Versions 2 and 3, little-endian. Refused as kUnsupported: other versions, big-endian files, tensor types that
/// valence cannot convert; the rest is kInvalidData. Stricter than the format: no arrays of arrays, which no model has.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
Result<GgufFile> parse_gguf(std::span<const std::byte> image, const std::string& source);

}  // namespace valence

/// \file
/// Reads the safetensors format: checks the header against the bytes, then hands out views into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "valence/base/error.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// Larger headers and longer lists are refused: a header holds some 100 bytes a tensor, and no model has these many.
inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 25'000'000;
inline constexpr std::size_t kMaxSafetensorsTensors = 100'000;
inline constexpr std::size_t kMaxSafetensorsRank = 8;

/// The tensors of a safetensors image; views point into `image`. Nothing is copied and no data byte is read, so the
/// time taken depends on the header only. `source` names the image in errors, which are kInvalidData throughout
/// (kUnsupported for a GGUF file).
///
/// Accepts only what the reference implementation accepts: the tensors cover the data exactly, in some order, without
/// overlap, hole or trailing bytes, and each has the bytes that its shape and type call for. Scalars and empty tensors
/// are legal. A pickle, a zip of one or another format is recognised and answered with the way to convert it.
Result<TensorTable> parse_safetensors(std::span<const std::byte> image, const std::string& source);

/// How to turn pickled weights, which valence never opens, into safetensors.
extern const char* const kPickleConversionHint;

}  // namespace valence

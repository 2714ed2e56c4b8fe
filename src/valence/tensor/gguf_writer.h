/// \file
/// The GGUF format for writing: keys, then tensors, as llama.cpp reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/tensor/gguf_metadata.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// Version 3, little-endian, tensors aligned to 32 bytes. Keys keep their order. Texts must be valid UTF-8.
/// Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
class GgufWriter {
 public:
  void add_u32(std::string_view key, std::uint32_t value);
  void add_f32(std::string_view key, float value);
  void add_boolean(std::string_view key, bool value);
  void add_string(std::string_view key, std::string_view text);
  void add_strings(std::string_view key, const std::vector<std::string>& texts);
  void add_i32s(std::string_view key, const std::vector<std::int32_t>& values);
  void add_f32s(std::string_view key, const std::vector<float>& values);
  void add_booleans(std::string_view key, const std::vector<bool>& values);
  /// An array of u8.
  void add_bytes(std::string_view key, std::string_view bytes);

  /// `shape` is row-major; F32, F16, BF16 or Q8_0. `bytes` must outlive the use of pieces().
  void add_tensor(std::string_view name, DType dtype, const Shape& shape, std::span<const std::byte> bytes);

  /// The file, piece after piece. The views live as long as the writer, which must not be changed after this.
  [[nodiscard]] std::vector<std::span<const std::byte>> pieces();

 private:
  void key(std::string_view name, std::uint32_t type);
  void array(std::string_view name, GgufType element, std::uint64_t count);

  std::string keys_;
  std::uint64_t num_keys_ = 0;
  std::string infos_;
  std::uint64_t num_tensors_ = 0;
  std::uint64_t data_bytes_ = 0;
  std::vector<std::span<const std::byte>> data_;
  std::string header_;
};

}  // namespace valence

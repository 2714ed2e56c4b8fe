/// \file
/// Builds GGUF images for tests, right ones and wrong ones.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace valence::testing {

/// The `width` bytes of `value`, lowest first.
[[nodiscard]] std::string little_endian(std::uint64_t value, int width);
[[nodiscard]] inline std::string u32_bytes(std::uint64_t value) { return little_endian(value, 4); }
[[nodiscard]] inline std::string u64_bytes(std::uint64_t value) { return little_endian(value, 8); }
[[nodiscard]] std::string f32_bytes(std::span<const float> values);
/// Its length, then `text`.
[[nodiscard]] std::string gguf_string(std::string_view text);

[[nodiscard]] std::string gguf_header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3);
/// A key with the tag of its type and the value's bytes, whatever they are.
[[nodiscard]] std::string gguf_pair(std::string_view key, std::uint32_t type, std::string_view value);
/// An entry of the list of tensors; `extents` fastest first, as in the file.
[[nodiscard]] std::string gguf_tensor_info(std::string_view name, const std::vector<std::uint64_t>& extents,
                                           std::uint32_t type, std::uint64_t offset);
/// `text` and zeros up to a multiple of `alignment`.
[[nodiscard]] std::string padded(std::string text, std::size_t alignment = 32);

/// A valid image, put together key by key. Setting a key again replaces its value.
class GgufImage {
 public:
  void set(std::string_view key, std::uint32_t type, std::string value);
  void set_u32(std::string_view key, std::uint32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view text);
  void set_strings(std::string_view key, const std::vector<std::string>& texts);
  void set_i32s(std::string_view key, const std::vector<std::int32_t>& values);
  void remove(std::string_view key);

  /// `shape` row-major, as everywhere but in the file.
  void set_tensor(std::string_view name, const std::vector<std::int64_t>& shape, std::uint32_t type, std::string bytes);
  void set_f32_tensor(std::string_view name, const std::vector<std::int64_t>& shape, std::span<const float> values);
  void remove_tensor(std::string_view name);
  void rename_tensor(std::string_view name, std::string_view new_name);

  [[nodiscard]] std::string bytes() const;

 private:
  struct Pair {
    std::string key;
    std::uint32_t type;
    std::string value;
  };
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::uint32_t type;
    std::string bytes;
  };
  std::vector<Pair> pairs_;
  std::vector<Tensor> tensors_;
};

}  // namespace valence::testing

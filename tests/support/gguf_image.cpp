#include "support/gguf_image.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace valence::testing {
namespace {

constexpr std::uint32_t kI32 = 5;
constexpr std::uint32_t kString = 8;

}  // namespace

std::string little_endian(std::uint64_t value, int width) {
  std::string bytes;
  for (int byte = 0; byte < width; ++byte) bytes += static_cast<char>(value >> (8 * byte) & 0xFF);
  return bytes;
}

std::string f32_bytes(std::span<const float> values) {
  std::string bytes;
  for (const float value : values) bytes += u32_bytes(std::bit_cast<std::uint32_t>(value));
  return bytes;
}

std::string gguf_string(std::string_view text) { return u64_bytes(text.size()) + std::string(text); }

std::string gguf_header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version) {
  return "GGUF" + u32_bytes(version) + u64_bytes(tensors) + u64_bytes(keys);
}

std::string gguf_pair(std::string_view key, std::uint32_t type, std::string_view value) {
  return gguf_string(key) + u32_bytes(type) + std::string(value);
}

std::string gguf_tensor_info(std::string_view name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                             std::uint64_t offset) {
  std::string info = gguf_string(name) + u32_bytes(extents.size());
  for (const auto extent : extents) info += u64_bytes(extent);
  return info + u32_bytes(type) + u64_bytes(offset);
}

std::string padded(std::string text, std::size_t alignment) {
  text.resize((text.size() + alignment - 1) / alignment * alignment, '\0');
  return text;
}

void GgufImage::set(std::string_view key, std::uint32_t type, std::string value) {
  remove(key);
  pairs_.push_back({std::string(key), type, std::move(value)});
}

void GgufImage::set_u32(std::string_view key, std::uint32_t value) { set(key, 4, u32_bytes(value)); }
void GgufImage::set_f32(std::string_view key, float value) { set(key, 6, f32_bytes({&value, 1})); }
void GgufImage::set_bool(std::string_view key, bool value) { set(key, 7, std::string(1, value ? '\1' : '\0')); }
void GgufImage::set_string(std::string_view key, std::string_view text) { set(key, kString, gguf_string(text)); }

void GgufImage::set_strings(std::string_view key, const std::vector<std::string>& texts) {
  std::string value = u32_bytes(kString) + u64_bytes(texts.size());
  for (const auto& text : texts) value += gguf_string(text);
  set(key, 9, std::move(value));
}

void GgufImage::set_i32s(std::string_view key, const std::vector<std::int32_t>& values) {
  std::string value = u32_bytes(kI32) + u64_bytes(values.size());
  for (const auto number : values) value += u32_bytes(static_cast<std::uint32_t>(number));
  set(key, 9, std::move(value));
}

void GgufImage::remove(std::string_view key) {
  std::erase_if(pairs_, [&](const Pair& pair) { return pair.key == key; });
}

void GgufImage::set_tensor(std::string_view name, const std::vector<std::int64_t>& shape, std::uint32_t type,
                           std::string bytes) {
  remove_tensor(name);
  tensors_.push_back({std::string(name), shape, type, std::move(bytes)});
}

void GgufImage::set_f32_tensor(std::string_view name, const std::vector<std::int64_t>& shape,
                               std::span<const float> values) {
  set_tensor(name, shape, 0, f32_bytes(values));
}

void GgufImage::remove_tensor(std::string_view name) {
  std::erase_if(tensors_, [&](const Tensor& tensor) { return tensor.name == name; });
}

void GgufImage::rename_tensor(std::string_view name, std::string_view new_name) {
  for (auto& tensor : tensors_) {
    if (tensor.name == name) tensor.name = new_name;
  }
}

std::string GgufImage::bytes() const {
  std::string image = gguf_header(tensors_.size(), pairs_.size());
  for (const auto& pair : pairs_) image += gguf_pair(pair.key, pair.type, pair.value);
  std::string contents;
  for (const auto& tensor : tensors_) {
    const std::vector<std::uint64_t> extents(tensor.shape.rbegin(), tensor.shape.rend());
    image += gguf_tensor_info(tensor.name, extents, tensor.type, contents.size());
    contents = padded(contents + tensor.bytes);
  }
  return padded(image) + contents;
}

}  // namespace valence::testing

#include "valence/tensor/gguf_writer.h"

#include <array>
#include <cstring>

#include "valence/base/check.h"
#include "valence/tensor/gguf_metadata.h"

namespace valence {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kAlignment = 32;
constexpr std::array<std::byte, kAlignment> kZeros{};

template <class T>
void append(std::string& out, T value) {
  std::array<char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);  // every machine that valence runs on is little-endian
  out.append(bytes.data(), bytes.size());
}

void append_text(std::string& out, std::string_view text) {
  append<std::uint64_t>(out, text.size());
  out += text;
}

std::size_t padding(std::uint64_t size) {
  return static_cast<std::size_t>((kAlignment - size % kAlignment) % kAlignment);
}

/// ggml_type.
std::uint32_t tensor_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ8_0:
      return 8;
    case DType::kBF16:
      return 30;
    default:
      break;
  }
  VALENCE_ASSERT(false, "no other type is written");
}

}  // namespace

void GgufWriter::key(std::string_view name, std::uint32_t type) {
  append_text(keys_, name);
  append(keys_, type);
  ++num_keys_;
}

void GgufWriter::add_u32(std::string_view name, std::uint32_t value) {
  key(name, static_cast<std::uint32_t>(GgufType::kU32));
  append(keys_, value);
}

void GgufWriter::add_f32(std::string_view name, float value) {
  key(name, static_cast<std::uint32_t>(GgufType::kF32));
  append(keys_, value);
}

void GgufWriter::add_boolean(std::string_view name, bool value) {
  key(name, static_cast<std::uint32_t>(GgufType::kBool));
  keys_ += value ? '\1' : '\0';
}

void GgufWriter::add_string(std::string_view name, std::string_view text) {
  key(name, static_cast<std::uint32_t>(GgufType::kString));
  append_text(keys_, text);
}

void GgufWriter::array(std::string_view name, GgufType element, std::uint64_t count) {
  key(name, static_cast<std::uint32_t>(GgufType::kArray));
  append(keys_, static_cast<std::uint32_t>(element));
  append(keys_, count);
}

void GgufWriter::add_strings(std::string_view name, const std::vector<std::string>& texts) {
  array(name, GgufType::kString, texts.size());
  for (const std::string& text : texts) append_text(keys_, text);
}

void GgufWriter::add_i32s(std::string_view name, const std::vector<std::int32_t>& values) {
  array(name, GgufType::kI32, values.size());
  for (const std::int32_t value : values) append(keys_, value);
}

void GgufWriter::add_f32s(std::string_view name, const std::vector<float>& values) {
  array(name, GgufType::kF32, values.size());
  for (const float value : values) append(keys_, value);
}

void GgufWriter::add_booleans(std::string_view name, const std::vector<bool>& values) {
  array(name, GgufType::kBool, values.size());
  for (const bool value : values) keys_ += value ? '\1' : '\0';
}

void GgufWriter::add_bytes(std::string_view name, std::string_view bytes) {
  array(name, GgufType::kU8, bytes.size());
  keys_ += bytes;
}

void GgufWriter::add_tensor(std::string_view name, DType dtype, const Shape& shape, std::span<const std::byte> bytes) {
  append_text(infos_, name);
  append(infos_, static_cast<std::uint32_t>(shape.size()));
  for (std::size_t i = shape.size(); i-- > 0;) append(infos_, static_cast<std::uint64_t>(shape[i]));
  append(infos_, tensor_type(dtype));
  append(infos_, data_bytes_);
  ++num_tensors_;
  data_.push_back(bytes);
  const std::size_t rest = padding(bytes.size());
  if (rest > 0) data_.push_back(std::span(kZeros).first(rest));
  data_bytes_ += bytes.size() + rest;
}

std::vector<std::span<const std::byte>> GgufWriter::pieces() {
  header_ = "GGUF";
  append(header_, kVersion);
  append(header_, num_tensors_);
  append(header_, num_keys_);
  header_ += keys_;
  header_ += infos_;
  header_.append(padding(header_.size()), '\0');
  std::vector<std::span<const std::byte>> all{std::as_bytes(std::span(header_))};
  all.insert(all.end(), data_.begin(), data_.end());
  return all;
}

}  // namespace valence

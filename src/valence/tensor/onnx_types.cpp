#include <fmt/format.h>

#include <array>

#include "valence/tensor/onnx_file.h"

namespace valence {

std::string name(OnnxType type) {
  constexpr std::array<std::string_view, 17> kNames = {
      "UNDEFINED", "FLOAT",   "UINT8",  "INT8",   "UINT16", "INT16",     "INT32",      "INT64",   "STRING",
      "BOOL",      "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? std::string(kNames[index]) : fmt::format("type {}", static_cast<std::int32_t>(type));
}

std::optional<std::size_t> element_bytes(OnnxType type) {
  switch (type) {
    case OnnxType::kUint8:
    case OnnxType::kInt8:
    case OnnxType::kBool:
      return 1;
    case OnnxType::kUint16:
    case OnnxType::kInt16:
    case OnnxType::kFloat16:
    case OnnxType::kBfloat16:
      return 2;
    case OnnxType::kFloat:
    case OnnxType::kInt32:
    case OnnxType::kUint32:
      return 4;
    case OnnxType::kInt64:
    case OnnxType::kDouble:
    case OnnxType::kUint64:
      return 8;
    case OnnxType::kUndefined:
    case OnnxType::kString:
      break;
  }
  return std::nullopt;
}

std::int64_t OnnxTensor::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : dims) product *= extent;
  return product;
}

const OnnxAttribute* OnnxNode::attribute(std::string_view attribute_name) const {
  for (const OnnxAttribute& each : attributes) {
    if (each.name == attribute_name) return &each;
  }
  return nullptr;
}

}  // namespace valence

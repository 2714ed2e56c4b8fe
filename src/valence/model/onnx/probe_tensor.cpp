#include "valence/model/onnx/probe_tensor.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace valence::onnx {
namespace {

template <class T, class Out, class Convert>
void convert(const OnnxTensor& tensor, std::vector<Out>& out, Convert one) {
  out.resize(tensor.bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = one(value);
  }
}

template <class T>
void integers(const OnnxTensor& tensor, ProbeTensor& into) {
  convert<T>(tensor, into.integers, [](T value) { return static_cast<std::int64_t>(value); });
}

}  // namespace

bool is_real(OnnxType type) {
  return type == OnnxType::kFloat || type == OnnxType::kFloat16 || type == OnnxType::kBfloat16 ||
         type == OnnxType::kDouble;
}

std::size_t element_count(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

Numbers make_integers(Shape shape, std::vector<std::int64_t> values, OnnxType type) {
  return std::make_shared<ProbeTensor>(
      ProbeTensor{.type = type, .shape = std::move(shape), .integers = std::move(values), .reals = {}});
}

Numbers numbers_of(const OnnxTensor& tensor) {
  auto numbers = std::make_shared<ProbeTensor>();
  numbers->type = tensor.type;
  numbers->shape = tensor.dims;
  switch (tensor.type) {
    case OnnxType::kFloat:
      convert<float>(tensor, numbers->reals, [](float value) { return static_cast<double>(value); });
      break;
    case OnnxType::kDouble:
      convert<double>(tensor, numbers->reals, [](double value) { return value; });
      break;
    case OnnxType::kFloat16:
      convert<std::uint16_t>(tensor, numbers->reals, [](std::uint16_t bits) { return double{f16_to_f32(bits)}; });
      break;
    case OnnxType::kBfloat16:
      convert<std::uint16_t>(tensor, numbers->reals, [](std::uint16_t bits) { return double{bf16_to_f32(bits)}; });
      break;
    case OnnxType::kUint8:
      integers<std::uint8_t>(tensor, *numbers);
      break;
    case OnnxType::kInt8:
      integers<std::int8_t>(tensor, *numbers);
      break;
    case OnnxType::kBool:
      convert<std::uint8_t>(tensor, numbers->integers, [](std::uint8_t value) { return std::int64_t{value != 0}; });
      break;
    case OnnxType::kUint16:
      integers<std::uint16_t>(tensor, *numbers);
      break;
    case OnnxType::kInt16:
      integers<std::int16_t>(tensor, *numbers);
      break;
    case OnnxType::kInt32:
      integers<std::int32_t>(tensor, *numbers);
      break;
    case OnnxType::kUint32:
      integers<std::uint32_t>(tensor, *numbers);
      break;
    case OnnxType::kInt64:
    case OnnxType::kUint64:
      integers<std::int64_t>(tensor, *numbers);
      break;
    case OnnxType::kUndefined:
    case OnnxType::kString:
      break;  // the parser takes none
  }
  return numbers;
}

std::optional<Shape> broadcast_shape(std::initializer_list<const Shape*> shapes) {
  std::size_t rank = 0;
  for (const Shape* shape : shapes) rank = std::max(rank, shape->size());
  Shape result(rank, 1);
  for (const Shape* shape : shapes) {
    for (std::size_t i = 0; i < shape->size(); ++i) {
      std::int64_t& extent = result[rank - shape->size() + i];
      const std::int64_t own = (*shape)[i];
      if (own == extent || own == 1) continue;
      if (extent != 1) return std::nullopt;
      extent = own;
    }
  }
  return result;
}

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::vector<std::size_t> strided_offsets(const Shape& shape, std::span<const std::int64_t> strides) {
  std::vector<std::size_t> offsets;
  const std::size_t count = element_count(shape);
  offsets.reserve(count);
  std::vector<std::int64_t> at(shape.size(), 0);
  std::int64_t offset = 0;
  for (std::size_t n = 0; n < count; ++n) {
    offsets.push_back(static_cast<std::size_t>(offset));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++at[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return offsets;
}

std::vector<std::size_t> broadcast_offsets(const Shape& from, const Shape& to) {
  const auto own = row_major_strides(from);
  std::vector<std::int64_t> strides(to.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != 1) strides[to.size() - from.size() + i] = own[i];
  }
  return strided_offsets(to, strides);
}

}  // namespace valence::onnx

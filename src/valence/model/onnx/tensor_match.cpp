#include "valence/model/onnx/tensor_match.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace valence::onnx {
namespace {

const OnnxTensor& tensor_of(const OnnxFile& file, std::int32_t index) {
  return file.tensors[static_cast<std::size_t>(index)];
}

bool is_equal(const OnnxFile& file, std::int32_t first, std::int32_t second) {
  if (first == second) return true;
  if (first < 0 || second < 0) return false;
  const OnnxTensor& x = tensor_of(file, first);
  const OnnxTensor& y = tensor_of(file, second);
  return x.type == y.type && x.dims == y.dims && std::ranges::equal(x.bytes, y.bytes);
}

/// Whether every float is at most a step from what its integer stands for.
bool are_rounded(const OnnxFile& file, const WeightRef& floats, const WeightRef& integers) {
  const OnnxTensor& exact = tensor_of(file, floats.tensor);
  const OnnxTensor& rounded = tensor_of(file, integers.tensor);
  if (!is_real(exact.type) || exact.dims != rounded.dims || exact.dims.size() != 2 ||
      floats.transposed != integers.transposed || floats.count != 0) {
    return false;
  }
  const Numbers values = numbers_of(exact);
  const Numbers steps = numbers_of(rounded);
  const Numbers scales = numbers_of(tensor_of(file, integers.scale));
  const Numbers zeros = integers.zero_point >= 0 ? numbers_of(tensor_of(file, integers.zero_point)) : nullptr;
  const auto columns = static_cast<std::size_t>(exact.dims[1]);
  const auto along = static_cast<std::size_t>(exact.dims[integers.axis == 0 ? 0 : 1]);
  const auto fits = [&](const Numbers& numbers) { return numbers->elements() == 1 || numbers->elements() == along; };
  if (!fits(scales) || (zeros != nullptr && !fits(zeros))) return false;
  for (std::size_t i = 0; i < values->elements(); ++i) {
    const std::size_t place = integers.axis == 0 ? i / columns : i % columns;
    const auto at = [&](const Numbers& numbers) { return numbers->at(numbers->elements() == 1 ? 0 : place); };
    const double meant = (steps->at(i) - (zeros != nullptr ? at(zeros) : 0)) * at(scales);
    if (!(std::fabs(values->at(i) - meant) <= std::fabs(at(scales)))) return false;
  }
  return true;
}

/// The floats of a parameter, an output's one after another.
std::vector<double> floats_of(const OnnxFile& file, const WeightRef& ref) {
  const OnnxTensor& tensor = tensor_of(file, ref.tensor);
  const Numbers numbers = numbers_of(tensor);
  const bool is_vector = tensor.dims.size() == 1;
  if (!is_real(tensor.type) || tensor.dims.size() > 2 || tensor.dims.empty()) return {};
  const auto inputs = is_vector ? 1 : static_cast<std::size_t>(tensor.dims[ref.transposed ? 1 : 0]);
  const auto outputs = static_cast<std::size_t>(tensor.dims[is_vector || ref.transposed ? 0 : 1]);
  const auto first = static_cast<std::size_t>(ref.first);
  const std::size_t count = ref.count > 0 ? static_cast<std::size_t>(ref.count) : outputs;
  std::vector<double> values;
  for (std::size_t output = first; output < first + count && output < outputs; ++output) {
    for (std::size_t input = 0; input < inputs; ++input) {
      values.push_back(numbers->at(ref.transposed || is_vector ? output * inputs + input : input * outputs + output));
    }
  }
  return values;
}

}  // namespace

SameParameter same_parameter(const OnnxFile& file, const WeightRef& first, const WeightRef& second) {
  if (first.scale < 0 && second.scale >= 0) {
    return are_rounded(file, first, second) ? SameParameter::kSecondIsQuantised : SameParameter::kNo;
  }
  if (first.scale >= 0 && second.scale < 0) {
    return are_rounded(file, second, first) ? SameParameter::kYes : SameParameter::kNo;
  }
  // A fusion of queries, keys and values, and the matrix alone.
  if (first.count != second.count && first.scale < 0) {
    const std::vector<double> values = floats_of(file, first);
    return !values.empty() && values == floats_of(file, second) ? SameParameter::kYes : SameParameter::kNo;
  }
  const bool equal = first.transposed == second.transposed && first.axis == second.axis &&
                     first.first == second.first && first.count == second.count &&
                     is_equal(file, first.tensor, second.tensor) && is_equal(file, first.scale, second.scale) &&
                     is_equal(file, first.zero_point, second.zero_point);
  return equal ? SameParameter::kYes : SameParameter::kNo;
}

bool is_all_zero(const OnnxTensor& tensor) {
  return !tensor.bytes.empty() &&
         std::ranges::all_of(tensor.bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace valence::onnx

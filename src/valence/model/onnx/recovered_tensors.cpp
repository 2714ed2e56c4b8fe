#include "valence/model/onnx/recovered_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "valence/base/json.h"
#include "valence/model/onnx/probe_tensor.h"

namespace valence::onnx {
namespace {

std::optional<DType> floating_dtype(OnnxType type) {
  if (type == OnnxType::kFloat) return DType::kF32;
  if (type == OnnxType::kFloat16) return DType::kF16;
  if (type == OnnxType::kBfloat16) return DType::kBF16;
  return std::nullopt;
}

/// A stored tensor's shape as it is used.
struct Matrix {
  std::int64_t rows = 0;  ///< outputs of a linear layer, ids of a table
  std::int64_t columns = 0;
  bool column_major = false;
};

class Recovery {
 public:
  Recovery(const OnnxFile& file, const Architecture& architecture) : file_(file), architecture_(architecture) {}

  Status add(const std::string& name, const FoundWeights::Part& part);
  Checkpoint::Parts take() { return std::move(recovered_); }

 private:
  [[nodiscard]] bool is_in_layer(const std::string& name) const { return name.starts_with(architecture_.names.layers); }
  const OnnxTensor& tensor(std::int32_t index) const { return file_.tensors[static_cast<std::size_t>(index)]; }
  std::span<std::byte> make(std::size_t size) {
    auto& made = *recovered_.made.emplace_back(std::make_unique<std::vector<std::byte>>(size));
    return made;
  }
  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& name, const std::string& what) const {
    return fail(ErrorCode::kUnsupported, file_.source, fmt::format("the tensor of {} {}", name, what));
  }
  /// The elements of a matrix of columns, `width` bytes each, row by row.
  std::span<const std::byte> turned(std::span<const std::byte> columns, const Matrix& matrix, std::size_t width);
  /// Some outputs of a tensor that holds several parameters.
  Status add_part(const std::string& name, const WeightRef& ref, const Shape& dims, DType dtype);
  Status add_integers(const std::string& name, const FoundWeights::Part& part, const Matrix& matrix);
  /// One number for each row; `fallback` where there is no such tensor.
  Result<std::vector<double>> per_row(const std::string& name, std::int32_t index, const Matrix& matrix,
                                      bool runs_along_rows, double fallback) const;

  const OnnxFile& file_;
  const Architecture& architecture_;
  Checkpoint::Parts recovered_;
};

Result<std::vector<double>> Recovery::per_row(const std::string& name, std::int32_t index, const Matrix& matrix,
                                              bool runs_along_rows, double fallback) const {
  const auto rows = static_cast<std::size_t>(matrix.rows);
  if (index < 0) return std::vector<double>(rows, fallback);
  const OnnxTensor& stored = tensor(index);
  if (stored.elements() == 1) return std::vector<double>(rows, numbers_of(stored)->at(0));
  if (stored.elements() != matrix.rows || !runs_along_rows) {
    return refuse(name, fmt::format("has scales or zero points of the shape {}: expected one, or one an output",
                                    to_string(stored.dims)));
  }
  const Numbers numbers = numbers_of(stored);
  std::vector<double> values(rows);
  for (std::size_t i = 0; i < rows; ++i) values[i] = numbers->at(i);
  return values;
}

std::span<const std::byte> Recovery::turned(std::span<const std::byte> columns, const Matrix& matrix,
                                            std::size_t width) {
  const auto made = make(columns.size());
  const auto rows = static_cast<std::size_t>(matrix.rows);
  const auto row_elements = static_cast<std::size_t>(matrix.columns);
  constexpr std::size_t kAtATime = 64;  // lines of the source that stay in the cache while rows are written
  for (std::size_t first = 0; first < rows; first += kAtATime) {
    const std::size_t last = std::min(rows, first + kAtATime);
    for (std::size_t column = 0; column < row_elements; ++column) {
      for (std::size_t row = first; row < last; ++row) {
        std::memcpy(made.data() + (row * row_elements + column) * width, columns.data() + (column * rows + row) * width,
                    width);
      }
    }
  }
  return made;
}

Status Recovery::add_integers(const std::string& name, const FoundWeights::Part& part, const Matrix& matrix) {
  const OnnxTensor& stored = tensor(part.ref.tensor);
  const bool is_signed = stored.type == OnnxType::kInt8;
  if (!is_signed && stored.type != OnnxType::kUint8) {
    return refuse(name, fmt::format("is {}: expected INT8 or UINT8", valence::name(stored.type)));
  }
  if (tensor(part.ref.scale).type != OnnxType::kFloat) return refuse(name, "has scales that are not FLOAT");
  // In [in, out] the outputs run along axis 1, turned along axis 0.
  const bool along_rows = part.ref.axis == (matrix.column_major ? 1 : 0);
  VALENCE_TRY(const auto scales, per_row(name, part.ref.scale, matrix, along_rows, 1));
  VALENCE_TRY(const auto zeros, per_row(name, part.ref.zero_point, matrix, along_rows, 0));
  const auto rows = static_cast<std::size_t>(matrix.rows);
  const auto columns = static_cast<std::size_t>(matrix.columns);

  constexpr double kMiddle = 128;
  const bool keeps_columns = architecture_.transposed_linears && is_in_layer(name) && matrix.column_major;
  if (!keeps_columns && std::ranges::all_of(zeros, [&](double zero) { return zero == (is_signed ? 0 : kMiddle); })) {
    TensorView values{DType::kI8, {matrix.rows, matrix.columns}, stored.bytes};
    if (matrix.column_major) values.bytes = turned(stored.bytes, matrix, 1);
    if (!is_signed) {
      const auto shifted = make(values.bytes.size());
      std::ranges::transform(values.bytes, shifted.begin(), [](std::byte b) { return b ^ std::byte{0x80}; });
      values.bytes = shifted;
    }
    const auto scale_bytes = make(rows * sizeof(float));
    for (std::size_t i = 0; i < rows; ++i) {
      const auto scale = static_cast<float>(scales[i]);
      std::memcpy(scale_bytes.data() + i * sizeof scale, &scale, sizeof scale);
    }
    recovered_.tensors.emplace(name, values);
    recovered_.tensors.emplace(name + "_scale", TensorView{DType::kF32, {matrix.rows}, scale_bytes});
    return {};
  }
  const auto floats = make(rows * columns * sizeof(float));
  for (std::size_t row = 0; row < rows; ++row) {
    const auto scale = static_cast<float>(scales[row]);
    const int zero = static_cast<int>(zeros[row]);
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t at = matrix.column_major ? column * rows + row : row * columns + column;
      const auto bits = static_cast<std::uint8_t>(stored.bytes[at]);
      const int integer = is_signed ? static_cast<std::int8_t>(bits) : bits;
      const float value = static_cast<float>(integer - zero) * scale;
      const std::size_t to = keeps_columns ? at : row * columns + column;
      std::memcpy(floats.data() + to * sizeof value, &value, sizeof value);
    }
  }
  const Shape shape = keeps_columns ? Shape{matrix.columns, matrix.rows} : Shape{matrix.rows, matrix.columns};
  if (keeps_columns) recovered_.transposed.insert(name);
  recovered_.tensors.emplace(name, TensorView{DType::kF32, shape, floats});
  return {};
}

Status Recovery::add_part(const std::string& name, const WeightRef& ref, const Shape& dims, DType dtype) {
  const OnnxTensor& stored = tensor(ref.tensor);
  const std::size_t width = size_bytes(dtype);
  const auto first = static_cast<std::size_t>(ref.first);
  const auto count = static_cast<std::size_t>(ref.count);
  if (ref.transposed || ref.first + ref.count > dims.back()) return refuse(name, "holds less than it should");
  if (dims.size() == 1) {
    recovered_.tensors.emplace(name,
                               TensorView{dtype, {ref.count}, stored.bytes.subspan(first * width, count * width)});
    return {};
  }
  const auto inputs = static_cast<std::size_t>(dims[0]);
  const auto outputs = static_cast<std::size_t>(dims[1]);
  const auto rows = make(count * inputs * width);
  for (std::size_t input = 0; input < inputs; ++input) {
    for (std::size_t output = 0; output < count; ++output) {
      std::memcpy(rows.data() + (output * inputs + input) * width,
                  stored.bytes.data() + (input * outputs + first + output) * width, width);
    }
  }
  recovered_.tensors.emplace(name, TensorView{dtype, {ref.count, dims[0]}, rows});
  return {};
}

Status Recovery::add(const std::string& name, const FoundWeights::Part& part) {
  const OnnxTensor& stored = tensor(part.ref.tensor);
  Matrix matrix;
  Shape dims = stored.dims;
  while (dims.size() > 2 && dims.front() == 1) dims.erase(dims.begin());
  if (dims.size() == 2) {
    matrix.column_major = part.is_linear && !part.ref.transposed;
    matrix.rows = dims[matrix.column_major ? 1 : 0];
    matrix.columns = dims[matrix.column_major ? 0 : 1];
  } else if (dims.size() != 1 || part.is_linear || part.ref.scale >= 0) {
    return refuse(name, fmt::format("has the shape {}", to_string(stored.dims)));
  }
  if (part.ref.scale >= 0) return add_integers(name, part, matrix);
  const auto dtype = floating_dtype(stored.type);
  if (part.ref.count > 0 && dtype) return add_part(name, part.ref, dims, *dtype);
  if (!dtype) {
    return refuse(name, fmt::format("is {}: expected FLOAT, FLOAT16 or BFLOAT16", valence::name(stored.type)));
  }
  TensorView view{*dtype, dims, stored.bytes};
  if (matrix.column_major && is_in_layer(name)) {
    recovered_.transposed.insert(name);
  } else if (matrix.column_major) {
    view.shape = {matrix.rows, matrix.columns};
    view.bytes = turned(stored.bytes, matrix, size_bytes(*dtype));
  }
  recovered_.tensors.emplace(name, std::move(view));
  return {};
}

}  // namespace

Result<Checkpoint::Parts> recover_tensors(const OnnxFile& file, const FoundWeights& found,
                                          const Architecture& architecture) {
  Recovery recovery(file, architecture);
  for (const auto& [name, part] : found.parts) VALENCE_TRY_STATUS(recovery.add(name, part));
  return recovery.take();
}

}  // namespace valence::onnx

#include "valence/model/onnx/graph_weights.h"

#include <cstring>
#include <span>

#include "valence/model/weight_export.h"
#include "valence/tensor/int8_rows.h"

namespace valence::onnx {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);

/// Integers and scales of a matrix's rows: its own where it is stored so.
struct Int8Matrix {
  std::vector<std::int8_t> values;  // [rows, columns]
  std::vector<float> scales;
};

std::vector<float> values_of(const MatrixView& matrix) {
  return ExportedWeight{{}, {matrix.rows(), matrix.columns()}, {matrix}, {}}.values();
}

void append_int8_rows(const MatrixView& matrix, Int8Matrix& made) {
  const auto rows = static_cast<std::size_t>(matrix.rows());
  const auto columns = static_cast<std::size_t>(matrix.columns());
  const std::size_t first = made.scales.size();
  made.values.resize((first + rows) * columns);
  made.scales.resize(first + rows);
  const auto own_values = std::span(made.values).subspan(first * columns);
  const auto own_scales = std::span(made.scales).subspan(first);
  if (matrix.values.dtype == DType::kI8 && matrix.row_scale) {
    std::memcpy(own_values.data(), matrix.values.bytes.data(), own_values.size());
    copy_as_f32(*matrix.row_scale, own_scales);
    return;
  }
  const std::vector<float> values = values_of(matrix);
  for (std::size_t row = 0; row < rows; ++row) {
    own_scales[row] =
        quantise_row(std::span(values).subspan(row * columns, columns), own_values.subspan(row * columns, columns));
  }
}

/// [rows, columns] -> [columns, rows]
template <class T>
std::vector<T> turned(std::span<const T> values, std::int64_t rows, std::int64_t columns) {
  std::vector<T> out(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      out[static_cast<std::size_t>(column * rows + row)] = values[static_cast<std::size_t>(row * columns + column)];
    }
  }
  return out;
}

}  // namespace

std::string GraphWeights::floats(const std::string& name, const Shape& shape, std::span<const float> values) {
  if (type_ != OnnxWeightType::kF16) return graph_.tensor(name, OnnxType::kFloat, shape, std::as_bytes(values));
  const std::string halves = graph_.tensor(name, OnnxType::kFloat16, shape, encode_values(values, DType::kF16));
  const std::string cast = name + "_f32";
  graph_.node_with("Cast", name + "/Cast", {halves}, {cast}, {{"to", kFloat}});
  return cast;
}

std::string GraphWeights::vector(const std::string& name, std::int64_t size,
                                 const std::vector<const TensorView*>& parts) {
  if (parts.empty()) return graph_.outline(name, OnnxType::kFloat, {size});
  std::vector<float> values;
  for (const TensorView* part : parts) {
    const std::vector<float> own = ExportedWeight{{}, part->shape, {}, {{*part}}}.values();
    values.insert(values.end(), own.begin(), own.end());
  }
  return floats(name, {size}, values);
}

/// The matrix as MatMul takes it, [in_features, out_features].
std::string GraphWeights::columns(const Linear& linear) {
  const Shape shape = {linear.in_features, linear.out_features};
  const std::string name = linear.module + ".weight";
  if (linear.weights.empty()) return graph_.outline(name, OnnxType::kFloat, shape);
  std::vector<float> rows;
  for (const LinearWeights* part : linear.weights) {
    const std::vector<float> own = values_of(part->weight);
    rows.insert(rows.end(), own.begin(), own.end());
  }
  return floats(name, shape, turned(std::span<const float>(rows), linear.out_features, linear.in_features));
}

std::string GraphWeights::int8_product(const Linear& linear, const std::string& input) {
  const std::string path = node_path(linear.module);
  Int8Matrix made;
  for (const LinearWeights* part : linear.weights) append_int8_rows(part->weight, made);
  const auto columns = turned(std::span<const std::int8_t>(made.values), linear.out_features, linear.in_features);
  const std::string integers =
      graph_.tensor(linear.module + ".weight_quantized", OnnxType::kInt8, {linear.in_features, linear.out_features},
                    std::as_bytes(std::span(columns)));
  const std::string scales = graph_.tensor(linear.module + ".weight_scale", OnnxType::kFloat, {linear.out_features},
                                           std::as_bytes(std::span(made.scales)));
  // Named after the input, which a module may have several of (DeBERTa's keys of tokens and of positions).
  const std::string own = path + "/" + input;
  graph_.node_with("DynamicQuantizeLinear", own + "/DynamicQuantizeLinear", {input},
                   {own + "/quantized", own + "/scale", own + "/zero_point"});
  const std::string product =
      graph_.node("MatMulInteger", own + "/MatMulInteger", {own + "/quantized", integers, own + "/zero_point"});
  const std::string cast = graph_.node("Cast", own + "/Cast", {product}, {{"to", kFloat}});
  const std::string factors = graph_.node("Mul", own + "/Mul_scales", {own + "/scale", scales});
  return graph_.node("Mul", own + "/Mul", {cast, factors});
}

std::string GraphWeights::linear(const Linear& linear, const std::string& input) {
  if (type_ != OnnxWeightType::kInt8 || linear.weights.empty()) return f32_linear(linear, input);
  const std::string product = int8_product(linear, input);
  if (!linear.has_bias) return product;
  std::vector<const TensorView*> biases;
  for (const LinearWeights* part : linear.weights) biases.push_back(&*part->bias);
  return graph_.node("Add", node_path(linear.module) + "/" + input + "/Add",
                     {product, vector(linear.module + ".bias", linear.out_features, biases)});
}

std::string GraphWeights::f32_linear(const Linear& linear, const std::string& input, const std::string& output) {
  // Named after the input too: see int8_product.
  const std::string path = node_path(linear.module) + "/" + input;
  const std::string matrix = columns(linear);
  const auto named = [&](const std::string& node) { return output.empty() ? path + node + "_output_0" : output; };
  if (!linear.has_bias) {
    graph_.node_with("MatMul", path + "/MatMul", {input, matrix}, {named("/MatMul")});
    return named("/MatMul");
  }
  const std::string product = graph_.node("MatMul", path + "/MatMul", {input, matrix});
  std::vector<const TensorView*> biases;
  for (const LinearWeights* part : linear.weights) biases.push_back(&*part->bias);
  graph_.node_with("Add", path + "/Add", {product, vector(linear.module + ".bias", linear.out_features, biases)},
                   {named("/Add")});
  return named("/Add");
}

std::string GraphWeights::rows_of(const Table& table, const std::string& indices) {
  const std::string path = node_path(table.module);
  const Shape shape = {table.rows, table.columns};
  const std::string name = table.module + ".weight";
  if (table.matrix == nullptr || type_ != OnnxWeightType::kInt8) {
    return graph_.node("Gather", path + "/Gather", {whole(table), indices}, {{"axis", std::int64_t{0}}});
  }
  Int8Matrix made;
  append_int8_rows(*table.matrix, made);
  const std::string integers =
      graph_.tensor(name + "_quantized", OnnxType::kInt8, shape, std::as_bytes(std::span(made.values)));
  const std::string scales =
      graph_.tensor(name + "_scale", OnnxType::kFloat, {table.rows, 1}, std::as_bytes(std::span(made.scales)));
  const std::string taken = graph_.node("Gather", path + "/Gather", {integers, indices}, {{"axis", std::int64_t{0}}});
  const std::string factors =
      graph_.node("Gather", path + "/Gather_scale", {scales, indices}, {{"axis", std::int64_t{0}}});
  const std::string cast = graph_.node("Cast", path + "/Cast", {taken}, {{"to", kFloat}});
  return graph_.node("Mul", path + "/Mul", {cast, factors});
}

std::string GraphWeights::whole(const Table& table) {
  const std::string name = table.module + ".weight";
  const Shape shape = {table.rows, table.columns};
  if (table.matrix == nullptr) return graph_.outline(name, OnnxType::kFloat, shape);
  return floats(name, shape, values_of(*table.matrix));
}

std::string GraphWeights::norm(const Norm& norm, const std::string& input, const std::string& path) {
  const auto parts = [&](const TensorView* view) {
    return view == nullptr ? std::vector<const TensorView*>{} : std::vector<const TensorView*>{view};
  };
  const std::string weight =
      vector(norm.module + ".weight", norm.width, parts(norm.weights == nullptr ? nullptr : &norm.weights->weight));
  if (norm.kind == NormKind::kRmsNorm) {
    const std::string square = graph_.node("Mul", path + "/Mul", {input, input});
    const std::string mean = graph_.node("ReduceMean", path + "/ReduceMean", {square},
                                         {{"axes", std::vector<std::int64_t>{-1}}, {"keepdims", std::int64_t{1}}});
    const std::string sum = graph_.node("Add", path + "/Add", {mean, graph_.scalar("norm_epsilon", norm.eps)});
    const std::string inverse =
        graph_.node("Reciprocal", path + "/Reciprocal", {graph_.node("Sqrt", path + "/Sqrt", {sum})});
    return graph_.node("Mul", path + "/Mul_2", {graph_.node("Mul", path + "/Mul_1", {input, inverse}), weight});
  }
  GraphWriter::Inputs inputs = {input, weight};
  if (norm.has_bias) {
    inputs.push_back(
        vector(norm.module + ".bias", norm.width, parts(norm.weights == nullptr ? nullptr : &*norm.weights->bias)));
  }
  return graph_.node("LayerNormalization", path + "/LayerNormalization", inputs,
                     {{"axis", std::int64_t{-1}}, {"epsilon", norm.eps}});
}

}  // namespace valence::onnx

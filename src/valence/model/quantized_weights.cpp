#include "valence/model/quantized_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "valence/base/json.h"
#include "valence/tensor/int8_rows.h"

namespace valence {
namespace {

template <class T>
TensorView view_of(DType dtype, Shape shape, const std::vector<T>& values) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

/// Where a tensor lies tells its part: the binder has found each role's tensor, and no two of them overlap.
std::map<const std::byte*, std::int64_t> layers_by_address(const ModelWeights& weights) {
  std::map<const std::byte*, std::int64_t> layer_of;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    for (const LinearWeights* linear : linear_weights(layer)) {
      layer_of.emplace(linear->weight.values.bytes.data(), static_cast<std::int64_t>(i));
    }
  }
  return layer_of;
}

/// Whether f16 holds `row` as well as kF16Tolerance asks.
bool row_fits_f16(std::span<const float> row, float largest) {
  return std::ranges::all_of(row, [bound = largest * kF16Tolerance](float value) {
    return std::fabs(f16_to_f32(f32_to_f16(value)) - value) <= bound;
  });
}

}  // namespace

Result<QuantizedWeights::Matrix> QuantizedWeights::quantise(const std::string& name, const TensorView& source,
                                                            const std::string& place) {
  const auto rows = static_cast<std::size_t>(source.shape[0]);
  const auto columns = static_cast<std::size_t>(source.shape[1]);
  Matrix matrix{.source = source, .layer = {}, .quantised = {}, .scales = {}, .fits_f16 = true, .halves = {}};
  matrix.quantised.resize(rows * columns);
  matrix.scales.resize(rows);
  std::vector<float> row(columns);
  const std::size_t row_bytes = size_bytes(source.dtype, columns);
  for (std::size_t i = 0; i < rows; ++i) {
    copy_as_f32({source.dtype, {source.shape[1]}, source.bytes.subspan(i * row_bytes, row_bytes)}, row);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) {
      return fail(ErrorCode::kInvalidData, place,
                  fmt::format("tensor {} holds a weight in row {} that is no finite number", in_quotes(name), i),
                  "the training that made the checkpoint diverged; take an earlier one");
    }
    matrix.scales[i] = quantise_row(row, std::span(matrix.quantised).subspan(i * columns, columns));
    const float largest = matrix.scales[i] * static_cast<float>(kLargestInt8);
    matrix.fits_f16 = matrix.fits_f16 && row_fits_f16(row, largest);
  }
  return matrix;
}

Result<QuantizedWeights> QuantizedWeights::make(const Model& model) {
  const auto layer_of = layers_by_address(model.weights);
  const auto& unused = model.weights.unused;
  QuantizedWeights quantised;
  for (const std::string& name : model.checkpoint.names()) {
    const TensorView view = *model.checkpoint.find(name);
    if (view.dtype == DType::kI8) {
      return fail(ErrorCode::kInvalidArgument, model.checkpoint.source(),
                  fmt::format("is int8 already: tensor {} is I8", in_quotes(name)),
                  "quantise the checkpoint that it was made from");
    }
    // What is left after these are buffers that no role claims.
    if (std::ranges::find(unused, name) != unused.end() || !is_floating(view.dtype)) continue;
    if (view.shape.size() == 2) {
      VALENCE_TRY(Matrix matrix, quantise(name, view, model.checkpoint.source()));
      if (const auto found = layer_of.find(view.bytes.data()); found != layer_of.end()) matrix.layer = found->second;
      quantised.matrices_.emplace(name, std::move(matrix));
    } else {
      std::vector<float> values(static_cast<std::size_t>(view.elements()));
      copy_as_f32(view, values);
      quantised.vectors_.emplace(name, std::move(values));
    }
  }
  return quantised;
}

void QuantizedWeights::append(TensorTable& table, const std::string& name, Matrix& matrix, MatrixStorage storage) {
  const Shape& shape = matrix.source.shape;
  if (storage == MatrixStorage::kInt8) {
    table.emplace(name, view_of(DType::kI8, shape, matrix.quantised));
    table.emplace(name + "_scale", view_of(DType::kF32, {shape[0]}, matrix.scales));
    return;
  }
  if (storage == MatrixStorage::kSource || !matrix.fits_f16 || matrix.source.dtype != DType::kF32) {
    table.emplace(name, matrix.source);
    return;
  }
  if (matrix.halves.empty()) {
    std::vector<float> values(matrix.quantised.size());
    copy_as_f32(matrix.source, values);
    matrix.halves.resize(values.size());
    std::ranges::transform(values, matrix.halves.begin(), f32_to_f16);
  }
  table.emplace(name, view_of(DType::kF16, shape, matrix.halves));
}

TensorTable QuantizedWeights::tensors(const StoragePlan& plan) {
  TensorTable table;
  for (auto& [name, matrix] : matrices_) {
    append(table, name, matrix, matrix.layer ? plan.layers[static_cast<std::size_t>(*matrix.layer)] : plan.rest);
  }
  for (const auto& [name, values] : vectors_) {
    table.emplace(name, view_of(DType::kF32, {static_cast<std::int64_t>(values.size())}, values));
  }
  return table;
}

StoragePlan plan_with_kept(std::int64_t num_layers, const std::vector<std::int64_t>& kept) {
  StoragePlan plan;
  plan.layers.assign(static_cast<std::size_t>(num_layers), MatrixStorage::kInt8);
  for (const std::int64_t layer : kept) plan.layers[static_cast<std::size_t>(layer)] = MatrixStorage::kKept;
  return plan;
}

}  // namespace valence

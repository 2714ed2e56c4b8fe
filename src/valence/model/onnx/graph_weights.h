/// \file
/// A model's parameters as tensors of an ONNX graph, with the nodes that use them; or as mere outlines of tensors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "valence/model/onnx/graph_writer.h"
#include "valence/model/onnx_export.h"
#include "valence/model/weights.h"

namespace valence::onnx {

/// A null parameter is written as an outline: name and shape, as f32.
class GraphWeights {
 public:
  GraphWeights(GraphWriter& graph, OnnxWeightType type) : graph_(graph), type_(type) {}

  struct Linear {
    std::string module;
    std::int64_t in_features = 0;
    std::int64_t out_features = 0;
    bool has_bias = true;
    /// Stacked one below another; empty: an outline.
    std::vector<const LinearWeights*> weights = {};
  };
  /// `input` times the matrix plus the bias: [.., in_features] -> [.., out_features].
  std::string linear(const Linear& linear, const std::string& input);
  /// The same in f32 whatever the type, for what a text does once.
  std::string f32_linear(const Linear& linear, const std::string& input, const std::string& output = {});

  struct Table {
    std::string module;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    const MatrixView* matrix = nullptr;
  };
  /// Rows `indices` of the table.
  std::string rows_of(const Table& table, const std::string& indices);
  /// All of it.
  std::string whole(const Table& table);

  struct Norm {
    std::string module;
    std::int64_t width = 0;
    NormKind kind = NormKind::kLayerNorm;
    float eps = 0;
    bool has_bias = true;
    const LayerNormWeights* weights = nullptr;
  };
  std::string norm(const Norm& norm, const std::string& input, const std::string& path);

 private:
  std::string floats(const std::string& name, const Shape& shape, std::span<const float> values);
  std::string vector(const std::string& name, std::int64_t size, const std::vector<const TensorView*>& parts);
  std::string columns(const Linear& linear);
  std::string int8_product(const Linear& linear, const std::string& input);

  GraphWriter& graph_;
  OnnxWeightType type_;
};

}  // namespace valence::onnx

/// \file
/// Attention as nodes of an ONNX graph: masks, heads, rotary and relative positions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"
#include "valence/model/onnx/graph_weights.h"
#include "valence/model/onnx/graph_writer.h"

namespace valence::onnx {

/// Writes what model/encoder_attention.h computes. `weights` may be null (encoder_graph.h).
class AttentionGraph {
 public:
  AttentionGraph(GraphWriter& graph, GraphWeights& parameters, const ModelSpec& spec, const Architecture& architecture,
                 const ModelWeights* weights)
      : graph_(graph), parameters_(parameters), spec_(spec), names_(architecture.names), weights_(weights) {}

  /// The block of layer `index`, whose module is `module`, from what it reads to what is added to the residual.
  std::string block(std::int64_t index, const std::string& module, const std::string& input);

  /// 0, 1, 2, ... INT64 [tokens].
  std::string token_range();

 private:
  struct Projections {
    std::string query, key, value;  ///< [batch, tokens, heads, head_size]
  };
  Projections projections(std::int64_t index, const std::string& module, const std::string& input);
  std::string heads(const std::string& input, const std::string& path, std::int64_t count);
  std::string transposed(const std::string& input, const std::string& path, std::vector<std::int64_t> order);
  std::string rotated(const std::string& input, const std::string& path, const RotarySpec& rotary);
  std::pair<std::string, std::string> cos_sin(const RotarySpec& rotary);
  std::string for_each_query_head(const std::string& input, const std::string& path);
  std::string mask(std::int64_t window);
  std::string distances();
  std::string relative_rows(bool turned);
  std::string bias_by_distance();
  std::string disentangled(std::int64_t index, const std::string& module, const std::string& query,
                           const std::string& key, float scale);
  std::string position_scores(const std::string& path, const std::string& states, const std::string& positions,
                              bool turned);
  std::string position_heads(std::int64_t index, const std::string& module, std::string_view own,
                             std::string_view shared, bool of_keys);
  [[nodiscard]] const LayerWeights* layer_weights(std::int64_t index) const {
    return weights_ == nullptr ? nullptr : &weights_->layers[static_cast<std::size_t>(index)];
  }
  std::string axis(std::int64_t value) { return graph_.integers("axis_" + std::to_string(value), {value}); }

  GraphWriter& graph_;
  GraphWeights& parameters_;
  const ModelSpec& spec_;
  const TensorNames& names_;
  const ModelWeights* weights_;
};

}  // namespace valence::onnx

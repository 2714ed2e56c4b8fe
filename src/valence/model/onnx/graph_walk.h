/// \file
/// Walks a graph once, with a small batch as its input, and says what it computes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/onnx/expression.h"
#include "valence/tensor/onnx_file.h"

namespace valence::onnx {

/// The batch that a graph is walked with: sizes that tell axes apart, ids that tell tokens apart, some padding.
struct ProbeBatch {
  std::int64_t batch_size = 0;
  std::int64_t sequence_length = 0;
  std::vector<std::int64_t> input_ids = {};       ///< [batch_size, sequence_length]
  std::vector<std::int64_t> attention_mask = {};  ///< as many
  std::vector<std::int64_t> token_type_ids = {};  ///< as many
};

/// The names under which exporters know the inputs.
inline constexpr std::string_view kInputIds = "input_ids";
inline constexpr std::string_view kAttentionMask = "attention_mask";
inline constexpr std::string_view kTokenTypeIds = "token_type_ids";

struct WalkedGraph {
  Formulas formulas;
  FormulaId logits = -1;
};

/// Values that depend only on shapes and on the batch are computed; what depends on weights becomes a formula. Takes
/// the output `logits`, or the only one, and only the nodes that it needs.
///
/// Errors name the first node, in the graph's order, that is not understood: an operator of another domain, one that no
/// encoder has, or a use of one that cannot be said as a formula; or an input that the graph takes and we cannot give.
Result<WalkedGraph> walk_graph(const OnnxFile& file, const ProbeBatch& batch);

}  // namespace valence::onnx

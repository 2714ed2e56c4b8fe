/// \file
/// A node's attributes with their defaults, and the refusal of a node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tensor/onnx_file.h"

namespace valence::onnx {

/// `Gemm "/classifier/Gemm"`, with the domain where it is not ai.onnx's: how errors name a node.
[[nodiscard]] std::string describe(const OnnxNode& node);

/// That `node` is not understood: `why` is a sentence about it ("expected an axis of 1").
[[nodiscard]] tl::unexpected<Error> not_understood(const std::string& source, const OnnxNode& node, std::string why);

class NodeView {
 public:
  NodeView(const OnnxFile& file, const OnnxNode& node) : file_(file), node_(node) {}

  [[nodiscard]] const OnnxNode& node() const { return node_; }
  [[nodiscard]] std::string_view op() const { return node_.op_type; }
  [[nodiscard]] std::int64_t opset() const { return file_.opset; }
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  [[nodiscard]] float number(std::string_view name, float fallback) const;
  [[nodiscard]] std::string_view text(std::string_view name, std::string_view fallback) const;
  [[nodiscard]] const std::vector<std::int64_t>* integers(std::string_view name) const;
  [[nodiscard]] tl::unexpected<Error> refuse(std::string why) const {
    return not_understood(file_.source, node_, std::move(why));
  }

 private:
  const OnnxFile& file_;
  const OnnxNode& node_;
};

}  // namespace valence::onnx

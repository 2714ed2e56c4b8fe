/// \file
/// Writes an ONNX graph node by node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "valence/tensor/onnx_file.h"
#include "valence/tensor/protobuf_writer.h"

namespace valence::onnx {

/// An input or output of a graph. Extents by name are symbolic.
struct GraphPort {
  std::string_view name;
  OnnxType type = OnnxType::kInt64;
  std::vector<std::variant<std::string_view, std::int64_t>> extents;
};

/// Nodes and tensors are written as they come, so that a node's inputs must be there before it. A name that was given
/// before, of a tensor or of a node, is the same value again.
class GraphWriter {
 public:
  struct Attribute {
    std::string_view name;
    std::variant<std::int64_t, float, std::vector<std::int64_t>> value;
  };
  using Inputs = std::vector<std::string>;
  using Attributes = std::vector<Attribute>;

  /// Adds the node `name` and returns the name of its output.
  std::string node(std::string_view op, const std::string& name, const Inputs& inputs,
                   const Attributes& attributes = {});
  /// The same with outputs called as `outputs` says.
  void node_with(std::string_view op, const std::string& name, const Inputs& inputs, const Inputs& outputs,
                 const Attributes& attributes = {});

  /// Each adds a tensor and returns its name.
  std::string tensor(const std::string& name, OnnxType type, const Shape& shape, std::span<const std::byte> bytes);
  /// A tensor of which only name and shape are told: it says that it lies in another file.
  std::string outline(const std::string& name, OnnxType type, const Shape& shape);
  std::string scalar(const std::string& name, float value);
  std::string scalar(const std::string& name, std::int64_t value);
  std::string integers(const std::string& name, const std::vector<std::int64_t>& values);

  /// Of all tensors. Beyond kMaxBytes they are counted and left out, for the caller to refuse.
  [[nodiscard]] std::size_t tensor_bytes() const { return tensor_bytes_; }
  [[nodiscard]] bool is_too_large() const { return tensor_bytes_ >= kMaxBytes || graph_.size() >= kMaxBytes; }

  /// The ModelProto.
  [[nodiscard]] std::string message(std::span<const GraphPort> inputs, const GraphPort& output) const;

  static constexpr std::int64_t kOpset = 17;

 private:
  static constexpr std::size_t kMaxBytes =
      (std::size_t{2} << 30U) - (1U << 20U);  // of a message, and room for the rest

  bool is_new(const std::string& name) { return names_.insert(name).second; }

  std::string graph_;  // fields of GraphProto
  std::set<std::string> names_;
  std::size_t tensor_bytes_ = 0;
};

/// "bert.encoder.layer.0.output" -> "/bert/encoder/layer.0/output", as torch.onnx names the nodes of a module.
[[nodiscard]] std::string node_path(std::string_view module);

}  // namespace valence::onnx

/// \file
/// An ONNX file in memory: the nodes of its graph and its tensors, as views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// TensorProto.DataType.
enum class OnnxType : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

/// "FLOAT", as the specification spells it; "type 77" where it is none of the above.
[[nodiscard]] std::string name(OnnxType type);
/// Bytes of one element; nothing for types without numbers of fixed size.
[[nodiscard]] std::optional<std::size_t> element_bytes(OnnxType type);

/// Where a tensor's bytes lie when they are not in the file itself.
struct OnnxExternalData {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  ///< absent: to the tensor's end
};

struct OnnxTensor {
  std::string_view name;
  OnnxType type = OnnxType::kUndefined;
  Shape dims;
  /// The elements, little-endian, as many as `dims` says; empty as long as `external` has not been read.
  std::span<const std::byte> bytes;
  std::optional<OnnxExternalData> external;

  [[nodiscard]] std::int64_t elements() const;
};

struct OnnxAttribute {
  std::string_view name;
  std::optional<float> number;
  std::optional<std::int64_t> integer;
  std::optional<std::string_view> text;
  std::vector<std::int64_t> integers;
  std::vector<float> numbers;
  std::int32_t tensor = -1;  ///< index into OnnxFile::tensors
  std::int32_t graph = -1;   ///< index into OnnxFile::branches
  bool has_graphs = false;   ///< a list of graphs, which is not read
};

struct OnnxNode {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;               ///< empty: ai.onnx
  std::vector<std::string_view> inputs;  ///< empty names: an optional input left out
  std::vector<std::string_view> outputs;
  std::vector<OnnxAttribute> attributes;

  [[nodiscard]] const OnnxAttribute* attribute(std::string_view attribute_name) const;
};

/// An input or output of the graph. An extent of -1 is symbolic or absent.
struct OnnxValueInfo {
  std::string_view name;
  OnnxType type = OnnxType::kUndefined;
  std::optional<Shape> dims;
};

constexpr std::uint64_t kMaxOnnxNodes = 65'536;
constexpr std::uint64_t kMaxOnnxTensors = 65'536;
constexpr std::uint64_t kMaxOnnxBranches = 1024;
constexpr int kMaxOnnxDepth = 4;  ///< of branches within branches

struct OnnxGraph {
  std::vector<OnnxNode> nodes;
  std::map<std::string_view, std::int32_t> initializers;  ///< name -> index into OnnxFile::tensors
  std::vector<OnnxValueInfo> inputs;
  std::vector<OnnxValueInfo> outputs;
};

/// Views into the image, but for what had to be decoded, which `decoded` keeps.
struct OnnxFile : OnnxGraph {
  std::string source;
  std::string_view producer;
  std::int64_t opset = 0;                ///< of the default domain; 0: not stated
  std::vector<OnnxTensor> tensors;       ///< initializers and constants of nodes, those of branches among them
  std::vector<OnnxGraph> branches = {};  ///< graphs that nodes have (If)
  std::vector<std::unique_ptr<std::vector<std::byte>>> decoded;
};

/// Checks every length, count and size before it is used; takes time by the number of fields, memory by the number of
/// nodes and tensors. `source` names the image in errors, which are kInvalidData, or kUnsupported for what the format
/// allows but no such model has (strings as weights, sparse initializers, functions, more nodes than kMaxOnnxNodes, or
/// more branches than the limits above). External data stay where they are (external in OnnxTensor).
/// Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
Result<OnnxFile> parse_onnx(std::span<const std::byte> image, const std::string& source);

}  // namespace valence

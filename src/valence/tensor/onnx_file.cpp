#include "valence/tensor/onnx_file.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/protobuf_cursor.h"
#include "valence/tensor/onnx_tensor_reader.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxFields = 1'000'000;
constexpr std::uint64_t kMaxNames = 300'000;  // inputs and outputs of all nodes
constexpr std::uint64_t kMaxAttributes = 100'000;
constexpr std::uint64_t kMaxListed = 1'000'000;  // elements of all lists in attributes

/// Numbers of onnx.proto.
namespace model_field {
constexpr std::uint32_t kProducer = 2, kGraph = 7, kOpset = 8;
}
namespace graph_field {
constexpr std::uint32_t kNode = 1, kInitializer = 5, kInput = 11, kOutput = 12, kSparse = 15;
}
namespace node_field {
constexpr std::uint32_t kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5, kDomain = 7;
}
namespace attribute_field {
constexpr std::uint32_t kName = 1, kFloat = 2, kInt = 3, kString = 4, kTensor = 5, kGraph = 6, kFloats = 7, kInts = 8,
                        kGraphs = 11;
}

class Parser {
 public:
  explicit Parser(OnnxFile& file) : file_(file) {}

  Status model(std::string_view image);

 private:
  Status opset(const ProtobufCursor& in);
  Status graph(const ProtobufCursor& in, OnnxGraph& into, int depth);
  Status graph_part(const ProtobufCursor& in, const ProtobufField& field, OnnxGraph& into, int depth);
  Result<OnnxNode> node(const ProtobufCursor& in, int depth);
  Result<OnnxAttribute> attribute(const ProtobufCursor& in, int depth);
  Status attribute_part(const ProtobufCursor& in, const ProtobufField& field, OnnxAttribute& into, int depth);
  Result<std::int32_t> branch(const ProtobufCursor& in, int depth);
  Result<OnnxValueInfo> value_info(const ProtobufCursor& in);
  Status tensor_type(const ProtobufCursor& in, OnnxValueInfo& into);
  Status numbers(const ProtobufCursor& in, const ProtobufField& field, std::vector<float>& into);
  Status list(const ProtobufCursor& in, const ProtobufField& field, std::uint64_t count) {
    listed_ += count;
    if (listed_ > kMaxListed) return in.refuse(field.at, "has longer lists than any model");
    return {};
  }

  OnnxFile& file_;
  ProtobufBudget budget_{kMaxFields};
  std::uint64_t nodes_ = 0;
  std::uint64_t names_ = 0;
  std::uint64_t attributes_ = 0;
  std::uint64_t listed_ = 0;
};

Status Parser::numbers(const ProtobufCursor& in, const ProtobufField& field, std::vector<float>& into) {
  if (field.type != ProtobufType::kFixed32) VALENCE_TRY_STATUS(in.bytes(field));
  if (field.bytes.size() % sizeof(float) != 0) return in.refuse(field.at, "a list of floats that is cut off");
  VALENCE_TRY_STATUS(list(in, field, field.bytes.size() / sizeof(float)));
  for (std::size_t at = 0; at < field.bytes.size(); at += sizeof(float)) {
    std::memcpy(&into.emplace_back(), field.bytes.data() + at, sizeof(float));
  }
  return {};
}

Status Parser::model(std::string_view image) {
  if (image.empty()) return fail(ErrorCode::kInvalidData, file_.source, "is empty, expected an ONNX file");
  const ProtobufCursor in(image, file_.source, budget_);
  bool has_graph = false;
  VALENCE_TRY_STATUS(for_each_field(in, [&](const ProtobufField& field) -> Status {
    if (field.number == model_field::kProducer) {
      VALENCE_TRY(file_.producer, onnx_text(in, field));
    } else if (field.number == model_field::kGraph) {
      if (std::exchange(has_graph, true)) return in.refuse(field.at, "a second graph");
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      return graph(message, file_, 0);
    } else if (field.number == model_field::kOpset) {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      return opset(message);
    }
    return {};  // versions, documentation, functions: a node that calls one is refused by its domain
  }));
  if (!has_graph) return fail(ErrorCode::kInvalidData, file_.source, "has no graph: not an ONNX model");
  return {};
}

Status Parser::opset(const ProtobufCursor& in) {
  std::string_view domain;
  std::int64_t version = 0;
  VALENCE_TRY_STATUS(for_each_field(in, [&](const ProtobufField& field) -> Status {
    if (field.number == 1) {
      VALENCE_TRY(domain, onnx_text(in, field));
    } else if (field.number == 2) {
      VALENCE_TRY(version, in.integer(field));
    }
    return {};
  }));
  if (domain.empty() || domain == "ai.onnx") file_.opset = version;
  return {};
}

Status Parser::graph(const ProtobufCursor& in, OnnxGraph& into, int depth) {
  return for_each_field(in, [&](const ProtobufField& field) { return graph_part(in, field, into, depth); });
}

Status Parser::graph_part(const ProtobufCursor& in, const ProtobufField& field, OnnxGraph& into, int depth) {
  switch (field.number) {
    case graph_field::kNode: {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      if (nodes_++ == kMaxOnnxNodes) {
        return fail(ErrorCode::kUnsupported, file_.source, fmt::format("has more than {} nodes", kMaxOnnxNodes));
      }
      VALENCE_TRY(OnnxNode parsed, node(message, depth));
      into.nodes.push_back(std::move(parsed));
      return {};
    }
    case graph_field::kInitializer: {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      VALENCE_TRY(const std::int32_t index, read_onnx_tensor(message, file_));
      const std::string_view tensor_name = file_.tensors[static_cast<std::size_t>(index)].name;
      if (!into.initializers.emplace(tensor_name, index).second) {
        return in.refuse(field.at, fmt::format("the initializer {} stands there twice", in_quotes(tensor_name)));
      }
      return {};
    }
    case graph_field::kInput:
    case graph_field::kOutput: {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      auto& ports = field.number == graph_field::kInput ? into.inputs : into.outputs;
      if (ports.size() == kMaxOnnxTensors) return in.refuse(field.at, "more inputs or outputs than any model");
      VALENCE_TRY(OnnxValueInfo info, value_info(message));
      ports.push_back(std::move(info));
      return {};
    }
    case graph_field::kSparse:
      return fail(ErrorCode::kUnsupported, file_.source, "has sparse initializers, which are not supported");
    default:
      return {};
  }
}

Result<OnnxNode> Parser::node(const ProtobufCursor& in, int depth) {
  OnnxNode parsed;
  VALENCE_TRY_STATUS(for_each_field(in, [&](const ProtobufField& field) -> Status {
    switch (field.number) {
      case node_field::kInput:
      case node_field::kOutput: {
        if (++names_ > kMaxNames) return in.refuse(field.at, "more inputs and outputs of nodes than any model");
        VALENCE_TRY(const std::string_view value_name, onnx_text(in, field));
        (field.number == node_field::kInput ? parsed.inputs : parsed.outputs).push_back(value_name);
        return {};
      }
      case node_field::kName: {
        VALENCE_TRY(parsed.name, onnx_text(in, field));
        return {};
      }
      case node_field::kOpType: {
        VALENCE_TRY(parsed.op_type, onnx_text(in, field));
        return {};
      }
      case node_field::kDomain: {
        VALENCE_TRY(parsed.domain, onnx_text(in, field));
        if (parsed.domain == "ai.onnx") parsed.domain = {};
        return {};
      }
      case node_field::kAttribute: {
        VALENCE_TRY(const ProtobufCursor message, in.message(field));
        if (++attributes_ > kMaxAttributes) return in.refuse(field.at, "more attributes than any model");
        VALENCE_TRY(OnnxAttribute one, attribute(message, depth));
        parsed.attributes.push_back(std::move(one));
        return {};
      }
      default:
        return {};
    }
  }));
  return parsed;
}

Result<std::int32_t> Parser::branch(const ProtobufCursor& in, int depth) {
  if (depth == kMaxOnnxDepth || file_.branches.size() == kMaxOnnxBranches) {
    return fail(
        ErrorCode::kUnsupported, file_.source,
        fmt::format("has more than {} graphs within nodes, or deeper ones than {}", kMaxOnnxBranches, kMaxOnnxDepth));
  }
  OnnxGraph parsed;
  VALENCE_TRY_STATUS(graph(in, parsed, depth + 1));
  file_.branches.push_back(std::move(parsed));
  return static_cast<std::int32_t>(file_.branches.size() - 1);
}

Result<OnnxAttribute> Parser::attribute(const ProtobufCursor& in, int depth) {
  OnnxAttribute parsed;
  VALENCE_TRY_STATUS(
      for_each_field(in, [&](const ProtobufField& field) { return attribute_part(in, field, parsed, depth); }));
  return parsed;
}

Status Parser::attribute_part(const ProtobufCursor& in, const ProtobufField& field, OnnxAttribute& into, int depth) {
  switch (field.number) {
    case attribute_field::kName: {
      VALENCE_TRY(into.name, onnx_text(in, field));
      return {};
    }
    case attribute_field::kFloat: {
      VALENCE_TRY(into.number, in.number(field));
      return {};
    }
    case attribute_field::kInt: {
      VALENCE_TRY(into.integer, in.integer(field));
      return {};
    }
    case attribute_field::kString: {
      VALENCE_TRY(into.text, onnx_text(in, field));
      return {};
    }
    case attribute_field::kTensor: {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      VALENCE_TRY(into.tensor, read_onnx_tensor(message, file_));
      return {};
    }
    case attribute_field::kGraph: {
      VALENCE_TRY(const ProtobufCursor message, in.message(field));
      VALENCE_TRY(into.graph, branch(message, depth));
      return {};
    }
    case attribute_field::kGraphs:
      into.has_graphs = true;
      return {};
    case attribute_field::kFloats:
      return numbers(in, field, into.numbers);
    case attribute_field::kInts:
      return in.each_varint(field, [&](std::uint64_t value) -> Status {
        into.integers.push_back(static_cast<std::int64_t>(value));
        return list(in, field, 1);
      });
    default:
      return {};
  }
}

Result<OnnxValueInfo> Parser::value_info(const ProtobufCursor& in) {
  OnnxValueInfo info;
  VALENCE_TRY_STATUS(for_each_field(in, [&](const ProtobufField& field) -> Status {
    if (field.number == 1) {
      VALENCE_TRY(info.name, onnx_text(in, field));
    } else if (field.number == 2) {
      VALENCE_TRY(const ProtobufCursor type, in.message(field));
      return for_each_field(type, [&](const ProtobufField& kind) -> Status {
        if (kind.number != 1) return {};  // anything but a tensor is refused when a node uses it
        VALENCE_TRY(const ProtobufCursor message, type.message(kind));
        return tensor_type(message, info);
      });
    }
    return {};
  }));
  return info;
}

/// The extent of a dimension; -1 where it has a name.
Result<std::int64_t> dimension(const ProtobufCursor& in) {
  std::int64_t extent = -1;
  VALENCE_TRY_STATUS(for_each_field(in, [&](const ProtobufField& field) -> Status {
    if (field.number == 1 && field.type == ProtobufType::kVarint) extent = static_cast<std::int64_t>(field.value);
    return {};
  }));
  return extent;
}

Status Parser::tensor_type(const ProtobufCursor& in, OnnxValueInfo& into) {
  return for_each_field(in, [&](const ProtobufField& field) -> Status {
    if (field.number == 1) {
      VALENCE_TRY(const std::int64_t type, in.integer(field));
      into.type = static_cast<OnnxType>(static_cast<std::int32_t>(type));
    }
    if (field.number != 2) return {};
    VALENCE_TRY(const ProtobufCursor shape, in.message(field));
    Shape dims;
    VALENCE_TRY_STATUS(for_each_field(shape, [&](const ProtobufField& dim) -> Status {
      if (dim.number != 1) return {};
      if (dims.size() == kMaxOnnxRank) {
        return shape.refuse(dim.at, fmt::format("more than {} dimensions", kMaxOnnxRank));
      }
      VALENCE_TRY(const ProtobufCursor message, shape.message(dim));
      VALENCE_TRY(const std::int64_t extent, dimension(message));
      dims.push_back(extent);
      return {};
    }));
    into.dims = std::move(dims);
    return {};
  });
}

}  // namespace

Result<OnnxFile> parse_onnx(std::span<const std::byte> image, const std::string& source) {
  OnnxFile file;
  file.source = source;
  const Status parsed = Parser(file).model({reinterpret_cast<const char*>(image.data()), image.size()});
  if (parsed) return file;
  const Error& error = parsed.error();
  if (error.code() != ErrorCode::kInvalidData || !error.hint().empty()) return fail(error);
  return fail(ErrorCode::kInvalidData, source, error.what(),
              "the file is truncated or damaged: download or export it again");
}

}  // namespace valence

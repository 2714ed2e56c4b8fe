#include "valence/tensor/onnx_file.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "valence/base/json.h"
#include "valence/base/utf8.h"
#include "valence/tensor/protobuf_reader.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxFields = 1'000'000;
constexpr std::uint64_t kMaxNames = 300'000;  // inputs and outputs of all nodes
constexpr std::uint64_t kMaxAttributes = 100'000;
constexpr std::uint64_t kMaxListed = 1'000'000;  // elements of all lists in attributes
constexpr std::size_t kMaxRank = 16;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxExternalEntries = 16;

/// Numbers of onnx.proto.
namespace model_field {
constexpr std::uint32_t kProducer = 2, kGraph = 7, kOpset = 8, kFunctions = 25;
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
namespace tensor_field {
constexpr std::uint32_t kDims = 1, kType = 2, kSegment = 3, kFloats = 4, kInts32 = 5, kStrings = 6, kInts64 = 7,
                        kName = 8, kRaw = 9, kDoubles = 10, kUints64 = 11, kExternal = 13, kLocation = 14;
}

using Bytes = std::span<const std::byte>;

/// What a tensor's values may stand in, in any order with its type and shape.
struct TensorFields {
  std::optional<Bytes> raw;
  std::vector<Bytes> packed_fixed;   // float_data, double_data: runs of little-endian numbers
  std::vector<Bytes> packed_varint;  // int32_data, int64_data, uint64_data
  std::vector<std::uint64_t> single_varints;
  std::size_t fixed_bytes = 0;
  std::size_t fixed_width = 0;
  bool is_external = false;
  OnnxExternalData external;
  bool has_location = false;
};

class Parser {
 public:
  Parser(const std::string& source, OnnxFile& file) : source_(source), file_(file) {}

  Status model(Bytes bytes);

 private:
  ProtobufReader reader(Bytes bytes, std::string_view what) { return {bytes, what, source_, budget_}; }
  Status opset(Bytes bytes);
  Status graph(Bytes bytes, OnnxGraph& into, int depth);
  Status node(Bytes bytes, OnnxGraph& into, int depth);
  Result<OnnxAttribute> attribute(Bytes bytes, int depth);
  Result<std::int32_t> branch(Bytes bytes, int depth);
  Result<std::int32_t> tensor(Bytes bytes);
  Status tensor_dims(ProtobufReader& in, const WireField& field, OnnxTensor& into);
  Status external_entry(Bytes bytes, TensorFields& fields);
  Status tensor_values(OnnxTensor& into, const TensorFields& fields);
  Status decode_varints(OnnxTensor& into, const TensorFields& fields, std::size_t width);
  Result<OnnxValueInfo> value_info(Bytes bytes);
  Status tensor_type(Bytes bytes, OnnxValueInfo& into);
  Result<std::string_view> text(ProtobufReader& in, const WireField& field);
  Status integers(ProtobufReader& in, const WireField& field, std::vector<std::int64_t>& into);
  Status numbers(ProtobufReader& in, const WireField& field, std::vector<float>& into);
  [[nodiscard]] tl::unexpected<Error> refuse(const OnnxTensor& about, const std::string& what,
                                             ErrorCode code = ErrorCode::kInvalidData) const {
    return fail(code, source_, fmt::format("tensor {} {}", in_quotes(about.name), what));
  }

  const std::string& source_;
  OnnxFile& file_;
  ProtobufBudget budget_{kMaxFields};
  std::uint64_t nodes_ = 0;
  std::uint64_t names_ = 0;
  std::uint64_t attributes_ = 0;
  std::uint64_t listed_ = 0;
  bool has_graph_ = false;
};

Status check_type(const ProtobufReader& in, const WireField& field, WireType type) {
  if (field.type != type) return in.wrong_type(field);
  return {};
}

float float_of(Bytes bytes) {
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Result<std::string_view> Parser::text(ProtobufReader& in, const WireField& field) {
  VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
  const std::string_view text = field.text();
  if (text.size() > kMaxNameBytes) return in.refuse(fmt::format("a name of {} bytes", text.size()));
  if (find_invalid_utf8(text) || text.find('\0') != text.npos) return in.refuse("a name that is not UTF-8 text");
  return text;
}

Status Parser::integers(ProtobufReader& in, const WireField& field, std::vector<std::int64_t>& into) {
  const auto add = [&](std::uint64_t value) -> Status {
    if (++listed_ > kMaxListed) return in.refuse("has longer lists than any model");
    into.push_back(static_cast<std::int64_t>(value));
    return {};
  };
  if (field.type == WireType::kVarint) return add(field.varint);
  VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
  ProtobufReader packed = reader(field.bytes, "list");
  while (!packed.at_end()) {
    VALENCE_TRY(const std::uint64_t value, packed.varint());
    VALENCE_TRY_STATUS(add(value));
  }
  return {};
}

Status Parser::numbers(ProtobufReader& in, const WireField& field, std::vector<float>& into) {
  if (field.type != WireType::kFixed32) VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
  if (field.bytes.size() % sizeof(float) != 0) return in.refuse("a list of floats that is cut off");
  listed_ += field.bytes.size() / sizeof(float);
  if (listed_ > kMaxListed) return in.refuse("has longer lists than any model");
  for (std::size_t at = 0; at < field.bytes.size(); at += sizeof(float)) {
    into.push_back(float_of(field.bytes.subspan(at, sizeof(float))));
  }
  return {};
}

Status Parser::model(Bytes bytes) {
  ProtobufReader in = reader(bytes, "file");
  if (in.at_end()) return fail(ErrorCode::kInvalidData, source_, "is empty, expected an ONNX file");
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    switch (field.number) {
      case model_field::kProducer: {
        VALENCE_TRY(file_.producer, text(in, field));
        break;
      }
      case model_field::kGraph:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        if (std::exchange(has_graph_, true)) return in.refuse("a second graph");
        VALENCE_TRY_STATUS(graph(field.bytes, file_, 0));
        break;
      case model_field::kOpset:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        VALENCE_TRY_STATUS(opset(field.bytes));
        break;
      default:
        break;  // versions, documentation, functions: a node that calls one is refused by its domain
    }
  }
  if (!has_graph_) return fail(ErrorCode::kInvalidData, source_, "has no graph: not an ONNX model");
  return {};
}

Status Parser::opset(Bytes bytes) {
  ProtobufReader in = reader(bytes, "operator set");
  std::string_view domain;
  std::int64_t version = 0;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    if (field.number == 1) {
      VALENCE_TRY(domain, text(in, field));
    } else if (field.number == 2) {
      VALENCE_TRY_STATUS(check_type(in, field, WireType::kVarint));
      version = static_cast<std::int64_t>(field.varint);
    }
  }
  if (domain.empty() || domain == "ai.onnx") file_.opset = version;
  return {};
}

Status Parser::graph(Bytes bytes, OnnxGraph& into, int depth) {
  ProtobufReader in = reader(bytes, "graph");
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    switch (field.number) {
      case graph_field::kNode:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        if (nodes_++ == kMaxOnnxNodes) {
          return fail(ErrorCode::kUnsupported, source_, fmt::format("has more than {} nodes", kMaxOnnxNodes));
        }
        VALENCE_TRY_STATUS(node(field.bytes, into, depth));
        break;
      case graph_field::kInitializer: {
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        VALENCE_TRY(const std::int32_t index, tensor(field.bytes));
        const std::string_view tensor_name = file_.tensors[static_cast<std::size_t>(index)].name;
        if (!into.initializers.emplace(tensor_name, index).second) {
          return in.refuse(fmt::format("the initializer {} stands there twice", in_quotes(tensor_name)));
        }
        break;
      }
      case graph_field::kInput:
      case graph_field::kOutput: {
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        auto& list = field.number == graph_field::kInput ? into.inputs : into.outputs;
        if (list.size() == kMaxOnnxTensors) return in.refuse("more inputs or outputs than any model");
        VALENCE_TRY(OnnxValueInfo info, value_info(field.bytes));
        list.push_back(std::move(info));
        break;
      }
      case graph_field::kSparse:
        return fail(ErrorCode::kUnsupported, source_, "has sparse initializers, which are not supported");
      default:
        break;
    }
  }
  return {};
}

Status Parser::node(Bytes bytes, OnnxGraph& into, int depth) {
  ProtobufReader in = reader(bytes, "node");
  OnnxNode node;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    switch (field.number) {
      case node_field::kInput:
      case node_field::kOutput: {
        if (++names_ > kMaxNames) return in.refuse("more inputs and outputs of nodes than any model");
        VALENCE_TRY(const std::string_view value_name, text(in, field));
        (field.number == node_field::kInput ? node.inputs : node.outputs).push_back(value_name);
        break;
      }
      case node_field::kName: {
        VALENCE_TRY(node.name, text(in, field));
        break;
      }
      case node_field::kOpType: {
        VALENCE_TRY(node.op_type, text(in, field));
        break;
      }
      case node_field::kDomain: {
        VALENCE_TRY(node.domain, text(in, field));
        if (node.domain == "ai.onnx") node.domain = {};
        break;
      }
      case node_field::kAttribute: {
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        if (++attributes_ > kMaxAttributes) return in.refuse("more attributes than any model");
        VALENCE_TRY(OnnxAttribute parsed, attribute(field.bytes, depth));
        node.attributes.push_back(std::move(parsed));
        break;
      }
      default:
        break;
    }
  }
  into.nodes.push_back(std::move(node));
  return {};
}

Result<std::int32_t> Parser::branch(Bytes bytes, int depth) {
  if (depth == kMaxOnnxDepth || file_.branches.size() == kMaxOnnxBranches) {
    return fail(
        ErrorCode::kUnsupported, source_,
        fmt::format("has more than {} graphs within nodes, or deeper ones than {}", kMaxOnnxBranches, kMaxOnnxDepth));
  }
  OnnxGraph parsed;
  VALENCE_TRY_STATUS(graph(bytes, parsed, depth + 1));
  file_.branches.push_back(std::move(parsed));
  return static_cast<std::int32_t>(file_.branches.size() - 1);
}

Result<OnnxAttribute> Parser::attribute(Bytes bytes, int depth) {
  ProtobufReader in = reader(bytes, "attribute");
  OnnxAttribute parsed;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    switch (field.number) {
      case attribute_field::kName: {
        VALENCE_TRY(parsed.name, text(in, field));
        break;
      }
      case attribute_field::kFloat:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kFixed32));
        parsed.number = float_of(field.bytes);
        break;
      case attribute_field::kInt:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kVarint));
        parsed.integer = static_cast<std::int64_t>(field.varint);
        break;
      case attribute_field::kString: {
        VALENCE_TRY(parsed.text, text(in, field));
        break;
      }
      case attribute_field::kTensor: {
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        VALENCE_TRY(parsed.tensor, tensor(field.bytes));
        break;
      }
      case attribute_field::kFloats:
        VALENCE_TRY_STATUS(numbers(in, field, parsed.numbers));
        break;
      case attribute_field::kInts:
        VALENCE_TRY_STATUS(integers(in, field, parsed.integers));
        break;
      case attribute_field::kGraph: {
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        VALENCE_TRY(parsed.graph, branch(field.bytes, depth));
        break;
      }
      case attribute_field::kGraphs:
        parsed.has_graphs = true;
        break;
      default:
        break;
    }
  }
  return parsed;
}

Status Parser::tensor_dims(ProtobufReader& in, const WireField& field, OnnxTensor& into) {
  VALENCE_TRY_STATUS(integers(in, field, into.dims));
  if (into.dims.size() > kMaxRank) return in.refuse(fmt::format("a tensor of more than {} dimensions", kMaxRank));
  return {};
}

Status Parser::external_entry(Bytes bytes, TensorFields& fields) {
  ProtobufReader in = reader(bytes, "external data");
  std::string_view key;
  std::string_view value;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    if (field.number != 1 && field.number != 2) continue;
    VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
    if (field.bytes.size() > kMaxNameBytes) return in.refuse("an entry of external data that is too long");
    (field.number == 1 ? key : value) = field.text();
  }
  if (key == "location") {
    fields.external.location = std::string(value);
    fields.has_location = true;
    return {};
  }
  if (key != "offset" && key != "length") return {};  // checksums
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || value.empty()) {
    return in.refuse(fmt::format("the {} of external data is no number", key));
  }
  if (key == "offset") {
    fields.external.offset = number;
  } else {
    fields.external.length = number;
  }
  return {};
}

Result<std::int32_t> Parser::tensor(Bytes bytes) {
  if (file_.tensors.size() == kMaxOnnxTensors) {
    return fail(ErrorCode::kUnsupported, source_, fmt::format("has more than {} tensors", kMaxOnnxTensors));
  }
  ProtobufReader in = reader(bytes, "tensor");
  OnnxTensor parsed;
  TensorFields fields;
  std::size_t external_entries = 0;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    switch (field.number) {
      case tensor_field::kDims:
        VALENCE_TRY_STATUS(tensor_dims(in, field, parsed));
        break;
      case tensor_field::kType:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kVarint));
        parsed.type = static_cast<OnnxType>(static_cast<std::int32_t>(field.varint));
        break;
      case tensor_field::kName: {
        VALENCE_TRY(parsed.name, text(in, field));
        break;
      }
      case tensor_field::kRaw:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        if (fields.raw) return in.refuse("a tensor with raw_data twice");
        fields.raw = field.bytes;
        break;
      case tensor_field::kFloats:
      case tensor_field::kDoubles:
        if (field.type == WireType::kVarint) return in.wrong_type(field);
        fields.packed_fixed.push_back(field.bytes);
        fields.fixed_bytes += field.bytes.size();
        fields.fixed_width = field.number == tensor_field::kFloats ? sizeof(float) : sizeof(double);
        break;
      case tensor_field::kInts32:
      case tensor_field::kInts64:
      case tensor_field::kUints64:
        if (field.type == WireType::kVarint) {
          fields.single_varints.push_back(field.varint);
        } else {
          VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
          fields.packed_varint.push_back(field.bytes);
        }
        break;
      case tensor_field::kExternal:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
        if (++external_entries > kMaxExternalEntries) return in.refuse("too many entries of external data");
        VALENCE_TRY_STATUS(external_entry(field.bytes, fields));
        break;
      case tensor_field::kLocation:
        VALENCE_TRY_STATUS(check_type(in, field, WireType::kVarint));
        fields.is_external = field.varint == 1;
        break;
      case tensor_field::kSegment:
        return fail(ErrorCode::kUnsupported, source_, "holds a tensor in segments, which are not supported");
      default:
        break;
    }
  }
  VALENCE_TRY_STATUS(tensor_values(parsed, fields));
  file_.tensors.push_back(std::move(parsed));
  return static_cast<std::int32_t>(file_.tensors.size() - 1);
}

Status Parser::tensor_values(OnnxTensor& into, const TensorFields& fields) {
  std::uint64_t elements = 1;
  for (const std::int64_t extent : into.dims) {
    if (extent < 0) return refuse(into, fmt::format("has the negative extent {}", extent));
    if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements) || elements > INT64_MAX / 8) {
      return refuse(into, "has more elements than 64 bits count");
    }
  }
  const auto width = element_bytes(into.type);
  if (!width) {
    return refuse(into, fmt::format("is {}: expected a tensor of numbers", valence::name(into.type)),
                  ErrorCode::kUnsupported);
  }
  const std::uint64_t size = elements * *width;
  if (fields.is_external) {
    if (!fields.has_location) return refuse(into, "lies in another file, but does not say which");
    if (fields.external.length && *fields.external.length != size) {
      return refuse(into, fmt::format("takes {} bytes by its shape, but its external data are {} long", size,
                                      *fields.external.length));
    }
    into.external = fields.external;
    return {};
  }
  if (fields.raw) {
    if (fields.raw->size() != size) {
      return refuse(into, fmt::format("takes {} bytes by its shape, but has {}", size, fields.raw->size()));
    }
    into.bytes = *fields.raw;
    return {};
  }
  if (!fields.packed_fixed.empty()) {
    if (fields.fixed_width != *width || fields.fixed_bytes != size) {
      return refuse(into, fmt::format("takes {} bytes by its shape, but has {}", size, fields.fixed_bytes));
    }
    if (fields.packed_fixed.size() == 1) {
      into.bytes = fields.packed_fixed.front();
      return {};
    }
    auto& joined = *file_.decoded.emplace_back(std::make_unique<std::vector<std::byte>>());
    joined.reserve(size);
    for (const Bytes part : fields.packed_fixed) joined.insert(joined.end(), part.begin(), part.end());
    into.bytes = joined;
    return {};
  }
  if (size == 0) return {};
  return decode_varints(into, fields, *width);
}

Status Parser::decode_varints(OnnxTensor& into, const TensorFields& fields, std::size_t width) {
  std::uint64_t available = fields.single_varints.size();
  for (const Bytes part : fields.packed_varint) available += part.size();  // a number takes at least a byte
  const auto elements = static_cast<std::uint64_t>(into.elements());
  if (available < elements) {
    return refuse(into, fmt::format("has {} elements by its shape, but at most {}", elements, available));
  }
  if (width > sizeof(std::uint16_t) && elements > kMaxListed) {
    return refuse(into, "stores a table of integers number by number: expected raw data", ErrorCode::kUnsupported);
  }
  auto& decoded = *file_.decoded.emplace_back(std::make_unique<std::vector<std::byte>>());
  decoded.reserve(elements * width);
  const auto add = [&](std::uint64_t value) {
    std::array<std::byte, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    decoded.insert(decoded.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(width));
  };
  for (const std::uint64_t value : fields.single_varints) add(value);
  for (const Bytes part : fields.packed_varint) {
    ProtobufReader packed = reader(part, "tensor");
    while (!packed.at_end() && decoded.size() <= elements * width) {
      VALENCE_TRY(const std::uint64_t value, packed.varint());
      add(value);
    }
  }
  if (decoded.size() != elements * width) {
    return refuse(into, fmt::format("has {} elements by its shape, but not as many values", elements));
  }
  into.bytes = decoded;
  return {};
}

Result<OnnxValueInfo> Parser::value_info(Bytes bytes) {
  ProtobufReader in = reader(bytes, "input or output");
  OnnxValueInfo info;
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    if (field.number == 1) {
      VALENCE_TRY(info.name, text(in, field));
    } else if (field.number == 2) {
      VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
      ProtobufReader type = reader(field.bytes, "type");
      while (!type.at_end()) {
        VALENCE_TRY(const WireField kind, type.next());
        if (kind.number != 1) continue;  // anything but a tensor is refused when a node uses it
        VALENCE_TRY_STATUS(check_type(type, kind, WireType::kBytes));
        VALENCE_TRY_STATUS(tensor_type(kind.bytes, info));
      }
    }
  }
  return info;
}

Status Parser::tensor_type(Bytes bytes, OnnxValueInfo& into) {
  ProtobufReader in = reader(bytes, "tensor type");
  while (!in.at_end()) {
    VALENCE_TRY(const WireField field, in.next());
    if (field.number == 1) {
      VALENCE_TRY_STATUS(check_type(in, field, WireType::kVarint));
      into.type = static_cast<OnnxType>(static_cast<std::int32_t>(field.varint));
    }
    if (field.number != 2) continue;
    VALENCE_TRY_STATUS(check_type(in, field, WireType::kBytes));
    Shape dims;
    ProtobufReader shape = reader(field.bytes, "shape");
    while (!shape.at_end()) {
      VALENCE_TRY(const WireField dim, shape.next());
      if (dim.number != 1) continue;
      VALENCE_TRY_STATUS(check_type(shape, dim, WireType::kBytes));
      if (dims.size() == kMaxRank) return shape.refuse(fmt::format("more than {} dimensions", kMaxRank));
      std::int64_t extent = -1;
      ProtobufReader one = reader(dim.bytes, "dimension");
      while (!one.at_end()) {
        VALENCE_TRY(const WireField value, one.next());
        if (value.number == 1 && value.type == WireType::kVarint) extent = static_cast<std::int64_t>(value.varint);
      }
      dims.push_back(extent);
    }
    into.dims = std::move(dims);
  }
  return {};
}

}  // namespace

std::string name(OnnxType type) {
  constexpr std::array<std::string_view, 17> kNames = {
      "UNDEFINED", "FLOAT",   "UINT8",  "INT8",   "UINT16", "INT16",     "INT32",      "INT64",   "STRING",
      "BOOL",      "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? std::string(kNames[index]) : fmt::format("type {}", static_cast<std::int32_t>(type));
}

std::optional<std::size_t> element_bytes(OnnxType type) {
  switch (type) {
    case OnnxType::kUint8:
    case OnnxType::kInt8:
    case OnnxType::kBool:
      return 1;
    case OnnxType::kUint16:
    case OnnxType::kInt16:
    case OnnxType::kFloat16:
    case OnnxType::kBfloat16:
      return 2;
    case OnnxType::kFloat:
    case OnnxType::kInt32:
    case OnnxType::kUint32:
      return 4;
    case OnnxType::kInt64:
    case OnnxType::kDouble:
    case OnnxType::kUint64:
      return 8;
    case OnnxType::kUndefined:
    case OnnxType::kString:
      break;
  }
  return std::nullopt;
}

std::int64_t OnnxTensor::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t extent : dims) product *= extent;
  return product;
}

const OnnxAttribute* OnnxNode::attribute(std::string_view attribute_name) const {
  for (const OnnxAttribute& each : attributes) {
    if (each.name == attribute_name) return &each;
  }
  return nullptr;
}

Result<OnnxFile> parse_onnx(std::span<const std::byte> image, const std::string& source) {
  OnnxFile file;
  file.source = source;
  VALENCE_TRY_STATUS(Parser(source, file).model(image));
  return file;
}

}  // namespace valence

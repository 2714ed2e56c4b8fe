#include "valence/model/onnx/graph_writer.h"

#include <utility>

namespace valence::onnx {
namespace {

constexpr std::int64_t kIrVersion = 8;  // of the first releases with operator set 17

/// AttributeProto.AttributeType.
constexpr std::int64_t kFloatAttribute = 1;
constexpr std::int64_t kIntAttribute = 2;
constexpr std::int64_t kIntsAttribute = 7;

std::string attribute_message(const GraphWriter::Attribute& attribute) {
  ProtobufWriter writer;
  writer.bytes(1, attribute.name);
  if (const auto* integer = std::get_if<std::int64_t>(&attribute.value)) {
    return writer.integer(3, *integer).integer(20, kIntAttribute).take();
  }
  if (const auto* number = std::get_if<float>(&attribute.value)) {
    return writer.number(2, *number).integer(20, kFloatAttribute).take();
  }
  for (const std::int64_t value : std::get<std::vector<std::int64_t>>(attribute.value)) writer.integer(8, value);
  return writer.integer(20, kIntsAttribute).take();
}

std::string port_message(const GraphPort& port) {
  ProtobufWriter shape;
  for (const auto& extent : port.extents) {
    ProtobufWriter dimension;
    if (const auto* name = std::get_if<std::string_view>(&extent)) {
      dimension.bytes(2, *name);
    } else {
      dimension.integer(1, std::get<std::int64_t>(extent));
    }
    shape.bytes(1, dimension.message());
  }
  ProtobufWriter tensor_type;
  tensor_type.integer(1, static_cast<std::int64_t>(port.type)).bytes(2, shape.message());
  ProtobufWriter type;
  type.bytes(1, tensor_type.message());
  return ProtobufWriter().bytes(1, port.name).bytes(2, type.message()).take();
}

ProtobufWriter tensor_head(const std::string& name, OnnxType type, const Shape& shape) {
  ProtobufWriter writer;
  for (const std::int64_t extent : shape) writer.integer(1, extent);
  writer.integer(2, static_cast<std::int64_t>(type)).bytes(8, name);
  return writer;
}

}  // namespace

std::string node_path(std::string_view module) {
  std::string path = "/" + std::string(module);
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool before_number = i + 1 < path.size() && path[i + 1] >= '0' && path[i + 1] <= '9';
    if (path[i] == '.' && !before_number) path[i] = '/';
  }
  return path;
}

void GraphWriter::node_with(std::string_view op, const std::string& name, const Inputs& inputs, const Inputs& outputs,
                            const Attributes& attributes) {
  if (!is_new(outputs.front())) return;
  ProtobufWriter writer;
  for (const std::string& input : inputs) writer.bytes(1, input);
  for (const std::string& output : outputs) writer.bytes(2, output);
  writer.bytes(3, name).bytes(4, op);
  for (const Attribute& attribute : attributes) writer.bytes(5, attribute_message(attribute));
  graph_ += ProtobufWriter().bytes(1, writer.message()).message();
}

std::string GraphWriter::node(std::string_view op, const std::string& name, const Inputs& inputs,
                              const Attributes& attributes) {
  std::string output = name + "_output_0";
  node_with(op, name, inputs, {output}, attributes);
  return output;
}

std::string GraphWriter::tensor(const std::string& name, OnnxType type, const Shape& shape,
                                std::span<const std::byte> bytes) {
  if (!is_new(name)) return name;
  tensor_bytes_ += bytes.size();
  if (is_too_large()) return name;
  ProtobufWriter writer = tensor_head(name, type, shape);
  writer.bytes(9, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  graph_ += ProtobufWriter().bytes(5, writer.message()).message();
  return name;
}

std::string GraphWriter::outline(const std::string& name, OnnxType type, const Shape& shape) {
  if (!is_new(name)) return name;
  constexpr std::int64_t kExternal = 1;
  ProtobufWriter writer = tensor_head(name, type, shape);
  writer.bytes(13, ProtobufWriter().bytes(1, "location").bytes(2, "outline").message()).integer(14, kExternal);
  graph_ += ProtobufWriter().bytes(5, writer.message()).message();
  return name;
}

std::string GraphWriter::scalar(const std::string& name, float value) {
  return tensor(name, OnnxType::kFloat, {}, std::as_bytes(std::span(&value, 1)));
}

std::string GraphWriter::scalar(const std::string& name, std::int64_t value) {
  return tensor(name, OnnxType::kInt64, {}, std::as_bytes(std::span(&value, 1)));
}

std::string GraphWriter::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  return tensor(name, OnnxType::kInt64, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values)));
}

std::string GraphWriter::message(std::span<const GraphPort> inputs, const GraphPort& output) const {
  ProtobufWriter ends;
  ends.bytes(2, "classifier");
  for (const GraphPort& input : inputs) ends.bytes(11, port_message(input));
  ends.bytes(12, port_message(output));
  ProtobufWriter writer;
  writer.integer(1, kIrVersion).bytes(2, "valence").bytes(7, graph_ + ends.message());
  return writer.bytes(8, ProtobufWriter().bytes(1, "").integer(2, kOpset).message()).take();
}

}  // namespace valence::onnx

#include "valence/model/onnx_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "valence/model/arch/registry.h"
#include "valence/model/weight_export.h"
#include "valence/tensor/int8_rows.h"
#include "valence/tensor/onnx_file.h"
#include "valence/tensor/protobuf_writer.h"

namespace valence {
namespace {

constexpr std::int64_t kOpset = 17;
constexpr std::int64_t kIrVersion = 8;  // of the first releases with that operator set
constexpr std::size_t kMaxBytes = (std::size_t{2} << 30U) - (1U << 20U);  // of a message, with room for the rest

/// Builds the graph node by node. Values are named after the modules they belong to, as torch.onnx names them.
class GraphWriter {
 public:
  GraphWriter(const Model& model, OnnxWeightType type) : model_(model), type_(type) {}
  Result<std::string> write();

 private:
  using Attributes = std::vector<std::pair<std::string_view, std::int64_t>>;

  /// Adds a node and returns the name of its first output.
  std::string node(std::string_view op, const std::string& name, const std::vector<std::string>& inputs,
                   const Attributes& attributes = {}, const std::vector<std::string>& outputs = {});
  std::string add_node(ProtobufWriter node, const std::string& output);
  std::string tensor(const std::string& name, OnnxType type, const Shape& shape, std::span<const std::byte> bytes);
  std::string floats(const std::string& name, const Shape& shape, std::span<const float> values);
  std::string scalar(const std::string& name, float value);
  std::string integers(const std::string& name, const std::vector<std::int64_t>& values, bool is_scalar = false);

  std::string vector(const std::string& module, std::string_view parameter, const TensorView& view);
  std::string table(const std::string& module, const MatrixView& matrix, const std::string& rows);
  std::string linear(const std::string& module, const LinearWeights& weights, const std::string& input);
  std::string int8_product(const std::string& module, const MatrixView& matrix, const std::string& input);
  std::string dense(const std::string& module, const LinearWeights& weights, const std::string& input,
                    const std::string& output = {});
  std::string norm(const std::string& module, const LayerNormWeights& weights, const std::string& input);
  std::string activation(const std::string& name, Activation kind, const std::string& input);
  std::string heads(const std::string& module, const std::string& input, bool keys);
  std::string mask();
  std::string positions();
  std::string embeddings();
  std::string layer(std::int64_t index, const std::string& input);
  void head(const std::string& hidden);
  [[nodiscard]] std::string model_message() const;

  /// Integers and scales of a matrix's rows: its own where it is stored so.
  struct Int8Matrix {
    std::vector<std::int8_t> values;  ///< [rows, columns]
    std::vector<float> scales;
  };
  static Int8Matrix int8_rows(const MatrixView& matrix);

  const Model& model_;
  OnnxWeightType type_;
  const Architecture* architecture_ = nullptr;
  std::string graph_;  ///< fields of GraphProto
  std::string mask_;
  std::size_t weight_bytes_ = 0;
  std::vector<std::string> tensors_;  ///< names that are there already: shared layers
};

std::string slashes(const std::string& module) {
  std::string path = "/" + module;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool before_number = i + 1 < path.size() && path[i + 1] >= '0' && path[i + 1] <= '9';
    if (path[i] == '.' && !before_number) path[i] = '/';
  }
  return path;
}

std::string GraphWriter::add_node(ProtobufWriter node, const std::string& output) {
  graph_ += ProtobufWriter().bytes(1, node.message()).message();
  return output;
}

std::string GraphWriter::node(std::string_view op, const std::string& name, const std::vector<std::string>& inputs,
                              const Attributes& attributes, const std::vector<std::string>& outputs) {
  ProtobufWriter writer;
  for (const std::string& input : inputs) writer.bytes(1, input);
  const std::vector<std::string> named = outputs.empty() ? std::vector<std::string>{name + "_output_0"} : outputs;
  for (const std::string& output : named) writer.bytes(2, output);
  writer.bytes(3, name).bytes(4, op);
  for (const auto& [key, value] : attributes) {
    constexpr std::int64_t kInt = 2;
    writer.bytes(5, ProtobufWriter().bytes(1, key).integer(3, value).integer(20, kInt).message());
  }
  return add_node(std::move(writer), named.front());
}

std::string GraphWriter::tensor(const std::string& name, OnnxType type, const Shape& shape,
                                std::span<const std::byte> bytes) {
  if (std::ranges::find(tensors_, name) != tensors_.end()) return name;
  tensors_.push_back(name);
  ProtobufWriter writer;
  for (const std::int64_t extent : shape) writer.integer(1, extent);
  writer.integer(2, static_cast<std::int64_t>(type)).bytes(8, name);
  writer.bytes(9, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  weight_bytes_ += bytes.size();
  if (weight_bytes_ < kMaxBytes) graph_ += ProtobufWriter().bytes(5, writer.message()).message();
  return name;
}

std::string GraphWriter::floats(const std::string& name, const Shape& shape, std::span<const float> values) {
  if (type_ != OnnxWeightType::kF16) return tensor(name, OnnxType::kFloat, shape, std::as_bytes(values));
  const std::string halves = tensor(name, OnnxType::kFloat16, shape, encode_values(values, DType::kF16));
  constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
  const std::string cast = name + "_f32";
  if (std::ranges::find(tensors_, cast) != tensors_.end()) return cast;
  tensors_.push_back(cast);
  return node("Cast", name + "/Cast", {halves}, {{"to", kFloat}}, {cast});
}

std::string GraphWriter::scalar(const std::string& name, float value) {
  return tensor(name, OnnxType::kFloat, {}, std::as_bytes(std::span(&value, 1)));
}

std::string GraphWriter::integers(const std::string& name, const std::vector<std::int64_t>& values, bool is_scalar) {
  return tensor(name, OnnxType::kInt64, is_scalar ? Shape{} : Shape{static_cast<std::int64_t>(values.size())},
                std::as_bytes(std::span(values)));
}

std::string GraphWriter::vector(const std::string& module, std::string_view parameter, const TensorView& view) {
  const ExportedWeight weight{fmt::format("{}.{}", module, parameter), view.shape, {}, {{view}}};
  return floats(weight.name, weight.shape, weight.values());
}

GraphWriter::Int8Matrix GraphWriter::int8_rows(const MatrixView& matrix) {
  const auto rows = static_cast<std::size_t>(matrix.rows());
  const auto columns = static_cast<std::size_t>(matrix.columns());
  Int8Matrix made{std::vector<std::int8_t>(rows * columns), std::vector<float>(rows)};
  if (matrix.values.dtype == DType::kI8 && matrix.row_scale) {
    std::memcpy(made.values.data(), matrix.values.bytes.data(), made.values.size());
    copy_as_f32(*matrix.row_scale, made.scales);
    return made;
  }
  const ExportedWeight weight{{}, {matrix.rows(), matrix.columns()}, {matrix}, {}};
  const std::vector<float> values = weight.values();
  for (std::size_t row = 0; row < rows; ++row) {
    made.scales[row] = quantise_row(std::span(values).subspan(row * columns, columns),
                                    std::span(made.values).subspan(row * columns, columns));
  }
  return made;
}

std::string GraphWriter::table(const std::string& module, const MatrixView& matrix, const std::string& rows) {
  const std::string path = slashes(module);
  const Shape shape = {matrix.rows(), matrix.columns()};
  if (type_ != OnnxWeightType::kInt8) {
    const ExportedWeight weight{module + ".weight", shape, {matrix}, {}};
    return node("Gather", path + "/Gather", {floats(weight.name, shape, weight.values()), rows}, {{"axis", 0}});
  }
  const Int8Matrix made = int8_rows(matrix);
  const std::string integers =
      tensor(module + ".weight_quantized", OnnxType::kInt8, shape, std::as_bytes(std::span(made.values)));
  const std::string scales =
      tensor(module + ".weight_scale", OnnxType::kFloat, {shape[0], 1}, std::as_bytes(std::span(made.scales)));
  const std::string taken = node("Gather", path + "/Gather", {integers, rows}, {{"axis", 0}});
  const std::string factors = node("Gather", path + "/Gather_scale", {scales, rows}, {{"axis", 0}});
  constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
  const std::string cast = node("Cast", path + "/Cast", {taken}, {{"to", kFloat}});
  return node("Mul", path + "/Mul", {cast, factors});
}

/// [rows, columns] -> [columns, rows]
template <class T>
std::vector<T> turned(std::span<const T> values, std::int64_t rows, std::int64_t columns) {
  std::vector<T> out(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      out[static_cast<std::size_t>(column * rows + row)] = values[static_cast<std::size_t>(row * columns + column)];
    }
  }
  return out;
}

std::string GraphWriter::int8_product(const std::string& module, const MatrixView& matrix, const std::string& input) {
  const std::string path = slashes(module);
  const Int8Matrix made = int8_rows(matrix);
  const Shape shape = {matrix.columns(), matrix.rows()};
  const auto columns = turned(std::span(made.values), matrix.rows(), matrix.columns());
  const std::string integers =
      tensor(module + ".weight_quantized", OnnxType::kInt8, shape, std::as_bytes(std::span(columns)));
  const std::string scales =
      tensor(module + ".weight_scale", OnnxType::kFloat, {shape[1]}, std::as_bytes(std::span(made.scales)));
  const std::string quantized = path + "/quantized";
  const std::string scale = path + "/scale";
  const std::string zero = path + "/zero_point";
  node("DynamicQuantizeLinear", path + "/DynamicQuantizeLinear", {input}, {}, {quantized, scale, zero});
  const std::string product = node("MatMulInteger", path + "/MatMulInteger", {quantized, integers, zero});
  constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
  const std::string cast = node("Cast", path + "/Cast", {product}, {{"to", kFloat}});
  const std::string factors = node("Mul", path + "/Mul_scales", {scale, scales});
  return node("Mul", path + "/Mul", {cast, factors});
}

std::string GraphWriter::linear(const std::string& module, const LinearWeights& weights, const std::string& input) {
  const std::string path = slashes(module);
  std::string product;
  if (type_ == OnnxWeightType::kInt8) {
    product = int8_product(module, weights.weight, input);
  } else {
    const ExportedWeight weight{
        module + ".weight", {weights.weight.rows(), weights.weight.columns()}, {weights.weight}, {}};
    const std::vector<float> values = weight.values();
    const auto columns = turned(std::span(values), weight.shape[0], weight.shape[1]);
    product =
        node("MatMul", path + "/MatMul", {input, floats(weight.name, {weight.shape[1], weight.shape[0]}, columns)});
  }
  return node("Add", path + "/Add", {product, vector(module, "bias", *weights.bias)});
}

/// A layer of the head, on one row a text, in f32 whatever the type of the others.
std::string GraphWriter::dense(const std::string& module, const LinearWeights& weights, const std::string& input,
                               const std::string& output) {
  const ExportedWeight weight{
      module + ".weight", {weights.weight.rows(), weights.weight.columns()}, {weights.weight}, {}};
  const std::string matrix = floats(weight.name, weight.shape, weight.values());
  return node("Gemm", slashes(module) + "/Gemm", {input, matrix, vector(module, "bias", *weights.bias)},
              {{"transB", 1}}, output.empty() ? std::vector<std::string>{} : std::vector<std::string>{output});
}

std::string GraphWriter::norm(const std::string& module, const LayerNormWeights& weights, const std::string& input) {
  ProtobufWriter writer;
  const std::string name = slashes(module) + "/LayerNormalization";
  const std::string output = name + "_output_0";
  writer.bytes(1, input)
      .bytes(1, vector(module, "weight", weights.weight))
      .bytes(1, vector(module, "bias", *weights.bias));
  writer.bytes(2, output).bytes(3, name).bytes(4, "LayerNormalization");
  constexpr std::int64_t kFloatAttribute = 1;
  constexpr std::int64_t kIntAttribute = 2;
  writer.bytes(5, ProtobufWriter().bytes(1, "axis").integer(3, -1).integer(20, kIntAttribute).message());
  writer.bytes(5, ProtobufWriter()
                      .bytes(1, "epsilon")
                      .number(2, model_.spec.encoder.layer_norm_eps)
                      .integer(20, kFloatAttribute)
                      .message());
  return add_node(std::move(writer), output);
}

std::string GraphWriter::activation(const std::string& name, Activation kind, const std::string& input) {
  const auto constant = [&](const char* what, double value) { return scalar(what, static_cast<float>(value)); };
  switch (kind) {
    case Activation::kTanh:
      return node("Tanh", name + "/Tanh", {input});
    case Activation::kRelu:
      return node("Relu", name + "/Relu", {input});
    case Activation::kSilu:
      return node("Mul", name + "/Mul", {input, node("Sigmoid", name + "/Sigmoid", {input})});
    case Activation::kGelu: {
      const std::string scaled = node("Div", name + "/Div", {input, constant("sqrt_2", std::numbers::sqrt2)});
      const std::string erf = node("Erf", name + "/Erf", {scaled});
      const std::string sum = node("Add", name + "/Add", {erf, constant("one", 1)});
      return node("Mul", name + "/Mul_1", {node("Mul", name + "/Mul", {input, sum}), constant("half", 0.5)});
    }
    case Activation::kGeluTanh: {
      const std::string cube = node("Pow", name + "/Pow", {input, constant("three", 3)});
      const std::string cubic = node("Mul", name + "/Mul", {cube, constant("gelu_cubic", 0.044715)});
      const std::string sum = node("Add", name + "/Add", {input, cubic});
      const std::string scaled =
          node("Mul", name + "/Mul_1", {sum, constant("sqrt_2_over_pi", std::sqrt(2 / std::numbers::pi))});
      const std::string shifted =
          node("Add", name + "/Add_1", {node("Tanh", name + "/Tanh", {scaled}), constant("one", 1)});
      const std::string halved = node("Mul", name + "/Mul_2", {input, constant("half", 0.5)});
      return node("Mul", name + "/Mul_3", {halved, shifted});
    }
    case Activation::kNone:
      break;
  }
  return input;
}

/// [batch, tokens, hidden] -> [batch, heads, tokens, head_size], or the last two turned for keys.
std::string GraphWriter::heads(const std::string& module, const std::string& input, bool keys) {
  const std::string path = slashes(module);
  const EncoderSpec& encoder = model_.spec.encoder;
  const std::string shape = integers("heads_shape", {0, 0, encoder.num_attention_heads, encoder.head_size()});
  ProtobufWriter writer;
  const std::string output = path + "/Transpose_output_0";
  writer.bytes(1, node("Reshape", path + "/Reshape", {input, shape})).bytes(2, output);
  writer.bytes(3, path + "/Transpose").bytes(4, "Transpose");
  ProtobufWriter perm;
  perm.bytes(1, "perm");
  for (const std::int64_t axis : keys ? std::vector<std::int64_t>{0, 2, 3, 1} : std::vector<std::int64_t>{0, 2, 1, 3}) {
    perm.integer(8, axis);
  }
  constexpr std::int64_t kInts = 7;
  writer.bytes(5, perm.integer(20, kInts).message());
  return add_node(std::move(writer), output);
}

/// [batch, 1, 1, tokens]: 0 for tokens, the least number for padding.
std::string GraphWriter::mask() {
  constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
  const std::string cast = node("Cast", "/mask/Cast", {"attention_mask"}, {{"to", kFloat}});
  const std::string wide = node("Unsqueeze", "/mask/Unsqueeze", {cast, integers("mask_axes", {1, 2})});
  const std::string padding = node("Sub", "/mask/Sub", {scalar("one", 1), wide});
  return node("Mul", "/mask/Mul", {padding, scalar("least", -std::numeric_limits<float>::max())});
}

/// Position ids: [1, tokens], or [batch, tokens] counted past padding as RoBERTa does.
std::string GraphWriter::positions() {
  const EncoderSpec& encoder = model_.spec.encoder;
  constexpr auto kInt64 = static_cast<std::int64_t>(OnnxType::kInt64);
  if (encoder.first_position == 0) {
    const std::string shape = node("Shape", "/positions/Shape", {"input_ids"});
    const std::string tokens =
        node("Gather", "/positions/Gather", {shape, integers("axis_1", {1}, true)}, {{"axis", 0}});
    const std::string range =
        node("Range", "/positions/Range", {integers("zero", {0}, true), tokens, integers("axis_1", {1}, true)});
    return node("Unsqueeze", "/positions/Unsqueeze", {range, integers("axes_0", {0})});
  }
  const std::string padding =
      node("Equal", "/positions/Equal", {"input_ids", integers("padding_id", {encoder.padding_id}, true)});
  const std::string counted =
      node("Cast", "/positions/Cast", {node("Not", "/positions/Not", {padding})}, {{"to", kInt64}});
  const std::string sum = node("CumSum", "/positions/CumSum", {counted, integers("axis_1", {1}, true)});
  const std::string kept = node("Mul", "/positions/Mul", {sum, counted});
  return node("Add", "/positions/Add", {kept, integers("before_first", {encoder.first_position - 1}, true)});
}

std::string GraphWriter::embeddings() {
  const TensorNames& names = architecture_->names;
  const EmbeddingWeights& weights = model_.weights.embeddings;
  std::string sum = table(std::string(names.word_embeddings), weights.word, "input_ids");
  const std::string path = "/embeddings";
  if (weights.token_type) {
    const std::string types = table(std::string(names.token_type_embeddings), *weights.token_type, "token_type_ids");
    sum = node("Add", path + "/Add", {sum, types});
  }
  sum = node("Add", path + "/Add_1",
             {sum, table(std::string(names.position_embeddings), *weights.position, positions())});
  sum = norm(std::string(names.embeddings_norm), *weights.norm, sum);
  if (!weights.projection) return sum;
  return linear(std::string(names.embedding_projection), *weights.projection, sum);
}

std::string GraphWriter::layer(std::int64_t index, const std::string& input) {
  const TensorNames& names = architecture_->names;
  const LayerWeights& weights = model_.weights.layers[static_cast<std::size_t>(index)];
  const EncoderSpec& encoder = model_.spec.encoder;
  const std::string module = fmt::format("{}.{}", names.layers, index);
  const auto in_layer = [&](std::string_view name) { return fmt::format("{}.{}", module, name); };
  const std::string path = slashes(module);
  const std::string query = heads(in_layer(names.query), linear(in_layer(names.query), weights.query, input), false);
  const std::string key = heads(in_layer(names.key), linear(in_layer(names.key), weights.key, input), true);
  const std::string value = heads(in_layer(names.value), linear(in_layer(names.value), weights.value, input), false);
  const std::string products = node("MatMul", path + "/scores/MatMul", {query, key});
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(encoder.head_size())));
  const std::string scores = node("Mul", path + "/scores/Mul", {products, scalar("attention_scale", scale)});
  const std::string masked = node("Add", path + "/scores/Add", {scores, mask_});
  const std::string shares = node("Softmax", path + "/scores/Softmax", {masked}, {{"axis", -1}});
  const std::string context = node("MatMul", path + "/context/MatMul", {shares, value});
  ProtobufWriter transpose;
  const std::string turned_context = path + "/context/Transpose_output_0";
  ProtobufWriter perm;
  perm.bytes(1, "perm").integer(8, 0).integer(8, 2).integer(8, 1).integer(8, 3);
  constexpr std::int64_t kInts = 7;
  transpose.bytes(1, context).bytes(2, turned_context).bytes(3, path + "/context/Transpose").bytes(4, "Transpose");
  add_node(std::move(transpose.bytes(5, perm.integer(20, kInts).message())), turned_context);
  const std::string joined = node("Reshape", path + "/context/Reshape",
                                  {turned_context, integers("joined_shape", {0, 0, encoder.hidden_size})});
  const std::string attended = linear(in_layer(names.attention_output), weights.attention_output, joined);
  const std::string attention_sum = node("Add", path + "/attention/Add", {attended, input});
  const std::string middle = norm(in_layer(names.attention_norm), *weights.attention_norm, attention_sum);
  const std::string wide = linear(in_layer(names.intermediate), weights.intermediate, middle);
  const std::string activated = activation(path + "/activation", encoder.hidden_act, wide);
  const std::string narrow = linear(in_layer(names.output), weights.output, activated);
  const std::string output_sum = node("Add", path + "/feed_forward/Add", {narrow, middle});
  return norm(in_layer(names.output_norm), weights.output_norm, output_sum);
}

void GraphWriter::head(const std::string& hidden) {
  const TensorNames& names = architecture_->names;
  const std::string first = node("Gather", "/head/Gather", {hidden, integers("zero", {0}, true)}, {{"axis", 1}});
  const std::string wide = dense(std::string(names.head_dense), *model_.weights.head_dense, first);
  const std::string activated = activation("/head/activation", model_.spec.head.dense_act, wide);
  dense(std::string(names.classifier), model_.weights.classifier, activated, "logits");
}

std::string value_info(std::string_view name, OnnxType type, std::string_view second_name, std::int64_t second_size) {
  ProtobufWriter shape;
  shape.bytes(1, ProtobufWriter().bytes(2, "batch_size").message());
  shape.bytes(1, second_name.empty() ? ProtobufWriter().integer(1, second_size).message()
                                     : ProtobufWriter().bytes(2, second_name).message());
  ProtobufWriter tensor_type;
  tensor_type.integer(1, static_cast<std::int64_t>(type)).bytes(2, shape.message());
  return ProtobufWriter().bytes(1, name).bytes(2, ProtobufWriter().bytes(1, tensor_type.message()).message()).take();
}

std::string GraphWriter::model_message() const {
  ProtobufWriter ends;
  ends.bytes(2, "classifier");
  for (const std::string_view input : {"input_ids", "attention_mask", "token_type_ids"}) {
    if (input == "token_type_ids" && !model_.weights.embeddings.token_type) continue;
    ends.bytes(11, value_info(input, OnnxType::kInt64, "sequence_length", 0));
  }
  ends.bytes(12, value_info("logits", OnnxType::kFloat, {}, model_.spec.head.num_labels()));
  ProtobufWriter writer;
  writer.integer(1, kIrVersion).bytes(2, "valence").bytes(7, graph_ + ends.message());
  return writer.bytes(8, ProtobufWriter().bytes(1, "").integer(2, kOpset).message()).take();
}

Result<std::string> GraphWriter::write() {
  architecture_ = find_architecture(model_.spec.model_type);
  if (architecture_ == nullptr || !is_like_bert(model_.spec)) {
    return fail(ErrorCode::kUnsupported, model_.checkpoint.source(),
                fmt::format("{} models are not written as ONNX yet, only sequence classifiers of the kind of BERT",
                            model_.spec.model_type),
                "convert it to safetensors, and export that with optimum");
  }
  mask_ = mask();
  std::string hidden = embeddings();
  for (std::int64_t i = 0; i < model_.spec.encoder.num_hidden_layers; ++i) hidden = layer(i, hidden);
  head(hidden);
  if (weight_bytes_ >= kMaxBytes || graph_.size() >= kMaxBytes) {
    return fail(ErrorCode::kUnsupported, model_.checkpoint.source(),
                fmt::format("has {} bytes of weights, and an ONNX file at most 2 GB", weight_bytes_),
                "write it with --dtype f16 or q8_0");
  }
  return model_message();
}

}  // namespace

Result<std::string> export_onnx(const Model& model, OnnxWeightType type) { return GraphWriter(model, type).write(); }

}  // namespace valence

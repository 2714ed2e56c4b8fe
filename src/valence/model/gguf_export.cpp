#include "valence/model/gguf_export.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/config_names.h"
#include "valence/model/weight_export.h"

namespace valence {
namespace {

constexpr std::string_view kPhantomSpace = "\xE2\x96\x81";  // U+2581

/// A token that begins a word gets U+2581 before it, one that continues it loses its ##; control tokens stay.
std::string phantom(const std::string& token, bool is_control) {
  if (is_control) return token;
  return token.starts_with("##") ? token.substr(2) : std::string(kPhantomSpace) + token;
}

/// LLAMA_FTYPE_*, general.file_type.
std::uint32_t file_type(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return 1;
    case DType::kQ8_0:
      return 7;
    case DType::kBF16:
      return 32;
    default:
      return 0;
  }
}

void add_vocabulary(GgufWriter& writer, const GgufVocabulary& vocabulary, std::int64_t token_types) {
  constexpr std::int32_t kNormal = 1;
  constexpr std::int32_t kControl = 3;
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    tokens.push_back(phantom(vocabulary.tokens[i], vocabulary.is_control[i]));
    types.push_back(vocabulary.is_control[i] ? kControl : kNormal);
  }
  writer.add_u32("tokenizer.ggml.token_type_count", static_cast<std::uint32_t>(std::max<std::int64_t>(1, token_types)));
  writer.add_string("tokenizer.ggml.model", "bert");
  writer.add_string("tokenizer.ggml.pre", "default");
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  writer.add_i32s("tokenizer.ggml.token_type", types);
  const auto id = [&](std::string_view key, std::int32_t value) {
    if (value >= 0) writer.add_u32(key, static_cast<std::uint32_t>(value));
  };
  id("tokenizer.ggml.bos_token_id", vocabulary.cls);
  id("tokenizer.ggml.cls_token_id", vocabulary.cls);
  id("tokenizer.ggml.eos_token_id", vocabulary.sep);
  id("tokenizer.ggml.seperator_token_id", vocabulary.sep);  // the key's own spelling
  id("tokenizer.ggml.unknown_token_id", vocabulary.unk);
  id("tokenizer.ggml.padding_token_id", vocabulary.pad);
  id("tokenizer.ggml.mask_token_id", vocabulary.mask);
  writer.add_boolean("tokenizer.ggml.normalizer.lowercase", vocabulary.lowercase);
  if (!vocabulary.tokenizer_json.empty()) writer.add_string("tokenizer.huggingface.json", vocabulary.tokenizer_json);
}

}  // namespace

Result<std::unique_ptr<GgufExport>> export_gguf(const Model& model, const GgufVocabulary& vocabulary, DType dtype,
                                                const std::string& name) {
  const ModelSpec& spec = model.spec;
  const EncoderSpec& encoder = spec.encoder;
  const bool is_bert = spec.model_type == "bert" && encoder.type_vocab_size > 0;
  if ((!is_bert && spec.model_type != "distilbert") || !is_like_bert(spec)) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                fmt::format("{} models are not written as GGUF yet, only bert and distilbert sequence classifiers",
                            spec.model_type),
                "convert it to safetensors or ONNX");
  }
  const Architecture& architecture = find_gguf_architecture("bert")->member(spec.model_type);
  const ConfigKeys& keys = architecture.keys;
  auto made = std::make_unique<GgufExport>();
  GgufWriter& writer = made->writer;
  const auto size = [&](std::string_view key, std::int64_t value) {
    writer.add_u32(key, static_cast<std::uint32_t>(value));
  };
  writer.add_string("general.architecture", "bert");
  writer.add_string("general.type", "model");
  writer.add_string("general.name", name);
  writer.add_u32("general.file_type", file_type(dtype));
  writer.add_u32("general.quantization_version", 2);
  size(keys.hidden_size, encoder.hidden_size);
  size(keys.num_hidden_layers, encoder.num_hidden_layers);
  size(keys.num_attention_heads, encoder.num_attention_heads);
  size(keys.intermediate_size, encoder.intermediate_size);
  size(keys.max_position_embeddings, encoder.max_position_embeddings);
  writer.add_f32(keys.layer_norm_eps, encoder.layer_norm_eps);
  writer.add_boolean("bert.attention.causal", false);
  constexpr std::uint32_t kRank = 4;
  writer.add_u32("bert.pooling_type", kRank);
  writer.add_strings(keys.labels, spec.head.labels);
  writer.add_string("valence.head.kind", "sequence_classification");
  writer.add_string("valence.head.pooling", "cls");
  writer.add_string("valence.head.activation", activation_name(spec.head.dense_act));
  writer.add_string("valence.problem_type", problem_type_name(spec.head.problem_type));
  writer.add_string(keys.hidden_act, activation_name(encoder.hidden_act));
  add_vocabulary(writer, vocabulary, encoder.type_vocab_size);

  const TensorNames& names = architecture.names;
  for (const ExportedWeight& weight : weights_by_role(model, architecture)) {
    const bool is_small =
        !weight.is_matrix() || weight.name.starts_with(names.position_embeddings) ||
        (!names.token_type_embeddings.empty() && weight.name.starts_with(names.token_type_embeddings));
    DType stored = is_small ? DType::kF32 : dtype;
    const auto block = static_cast<std::int64_t>(block_layout(stored).elements);
    if (weight.shape.back() % block != 0) stored = DType::kF32;
    made->tensors.push_back(encode_values(weight.values(), stored));
    writer.add_tensor(weight.name, stored, weight.shape, made->tensors.back());
  }
  return made;
}

}  // namespace valence

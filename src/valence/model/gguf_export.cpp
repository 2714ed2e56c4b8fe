#include "valence/model/gguf_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/gguf_settings.h"
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
  using TokenType = GgufVocabulary::TokenType;
  std::vector<std::string> tokens = vocabulary.tokens;
  std::vector<std::int32_t> types;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const TokenType type = vocabulary.types[i];
    if (vocabulary.model == "bert") {
      tokens[i] = phantom(tokens[i], type == TokenType::kControl || type == TokenType::kUnused);
    }
    types.push_back(static_cast<std::int32_t>(type));
  }
  writer.add_u32("tokenizer.ggml.token_type_count", static_cast<std::uint32_t>(std::max<std::int64_t>(1, token_types)));
  writer.add_string("tokenizer.ggml.model", vocabulary.model);
  if (!vocabulary.pre.empty()) writer.add_string("tokenizer.ggml.pre", vocabulary.pre);
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  writer.add_i32s("tokenizer.ggml.token_type", types);
  if (!vocabulary.scores.empty()) writer.add_f32s("tokenizer.ggml.scores", vocabulary.scores);
  if (!vocabulary.merges.empty()) writer.add_strings("tokenizer.ggml.merges", vocabulary.merges);
  if (!vocabulary.precompiled_charsmap.empty()) {
    writer.add_bytes("tokenizer.ggml.precompiled_charsmap", vocabulary.precompiled_charsmap);
  }
  for (const auto& [key, id] : {std::pair{"tokenizer.ggml.bos_token_id", vocabulary.bos},
                                {"tokenizer.ggml.eos_token_id", vocabulary.eos},
                                {"tokenizer.ggml.unknown_token_id", vocabulary.unk},
                                {"tokenizer.ggml.cls_token_id", vocabulary.cls},
                                {"tokenizer.ggml.seperator_token_id", vocabulary.sep},  // the key's own spelling
                                {"tokenizer.ggml.padding_token_id", vocabulary.pad},
                                {"tokenizer.ggml.mask_token_id", vocabulary.mask}}) {
    if (id >= 0) writer.add_u32(key, static_cast<std::uint32_t>(id));
  }
  for (const auto& [key, value] : {std::pair{"tokenizer.ggml.add_bos_token", vocabulary.add_bos},
                                   {"tokenizer.ggml.add_eos_token", vocabulary.add_eos},
                                   {"tokenizer.ggml.add_space_prefix", vocabulary.add_space_prefix},
                                   {"tokenizer.ggml.normalizer.lowercase", vocabulary.lowercase},
                                   {"tokenizer.ggml.normalizer.strip_accents", vocabulary.strip_accents}}) {
    if (value) writer.add_boolean(key, *value);
  }
  if (!vocabulary.tokenizer_json.empty()) writer.add_string("tokenizer.huggingface.json", vocabulary.tokenizer_json);
}

Result<GgufForm> form_of(const Model& model) {
  const ModelSpec& spec = model.spec;
  const GgufForm form = find_gguf_form(spec.model_type);
  if (form.files == nullptr) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                fmt::format("{} models are not written as GGUF: llama.cpp has no such architecture", spec.model_type),
                "convert it to safetensors or ONNX");
  }
  if (spec.head.pooling == Pooling::kNone) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                "classifies each token: only sequence classifiers are written as GGUF", "convert it to safetensors");
  }
  if (spec.model_type == "bert" && (spec.encoder.type_vocab_size == 0 || !is_like_bert(spec))) {
    return fail(ErrorCode::kUnsupported, model.checkpoint.source(),
                "is a BERT without token types: GGUF would take it for a DistilBERT", "convert it to safetensors");
  }
  return form;
}

/// RoBERTa's table of positions without the rows before its first, as llama.cpp has it.
ModelWeights without_lost_positions(const Model& model) {
  ModelWeights weights = model.weights;
  const std::int64_t lost = model.spec.encoder.first_position;
  if (lost == 0 || !weights.embeddings.position) return weights;
  MatrixView& table = *weights.embeddings.position;
  const std::int64_t rows = table.rows() - lost;
  table.values = rows_of(table.values, lost, rows);
  if (table.row_scale) table.row_scale = rows_of(*table.row_scale, lost, rows);
  return weights;
}

}  // namespace

Result<std::unique_ptr<GgufExport>> export_gguf(const Model& model, const GgufVocabulary& vocabulary, DType dtype,
                                                const std::string& name) {
  VALENCE_TRY(const GgufForm form, form_of(model));
  Architecture architecture = *form.member;
  if (form.files->fused_attention) architecture.names.qkv = "attn_qkv";
  auto made = std::make_unique<GgufExport>();
  GgufWriter& writer = made->writer;
  writer.add_string("general.architecture", form.files->name);
  writer.add_string("general.type", "model");
  writer.add_string("general.name", name);
  writer.add_u32("general.file_type", file_type(dtype));
  writer.add_u32("general.quantization_version", 2);
  VALENCE_TRY_STATUS(add_gguf_settings(model.spec, form, model.checkpoint.source(), writer));
  add_vocabulary(writer, vocabulary, model.spec.encoder.type_vocab_size);

  const auto add = [&](const std::string& tensor, DType stored, const Shape& shape, std::span<const float> values) {
    made->tensors.push_back(encode_values(values, stored));
    writer.add_tensor(tensor, stored, shape, made->tensors.back());
  };
  const TensorNames& names = architecture.names;
  const auto is_of = [](const ExportedWeight& weight, std::string_view module) {
    return !module.empty() && weight.name.starts_with(module);
  };
  for (const ExportedWeight& weight : weights_by_role(model.spec, without_lost_positions(model), architecture)) {
    const bool is_small =
        !weight.is_matrix() || is_of(weight, names.position_embeddings) || is_of(weight, names.token_type_embeddings);
    DType stored = is_small ? DType::kF32 : dtype;
    const auto block = static_cast<std::int64_t>(block_layout(stored).elements);
    if (weight.shape.back() % block != 0) stored = DType::kF32;
    add(weight.name, stored, weight.shape, weight.values());
  }
  const std::vector<float> factors = rope_factors(model.spec.encoder);
  if (!factors.empty()) {
    add("rope_freqs.weight", DType::kF32, {static_cast<std::int64_t>(factors.size())}, factors);
  }
  return made;
}

}  // namespace valence

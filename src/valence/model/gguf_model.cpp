#include "valence/model/gguf_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/checkpoint.h"
#include "valence/model/gguf_attention.h"
#include "valence/model/gguf_config.h"

namespace valence {
namespace {

constexpr auto kSourceHint =
    "give the Hugging Face directory that this file was converted from (config.json, model.safetensors)";

bool has(const TensorTable& tensors, std::string_view name) { return tensors.find(name) != tensors.end(); }

Result<const GgufArchitecture*> files_of(const GgufMetadata& metadata) {
  constexpr auto kKey = "general.architecture";
  VALENCE_TRY(const auto name, metadata.required(metadata.find_string(kKey), kKey));
  const GgufArchitecture* const files = find_gguf_architecture(name);
  if (files == nullptr) {
    return fail(
        ErrorCode::kUnsupported, metadata.source(),
        fmt::format("{} {}: expected one of {}", kKey, in_quotes(name), fmt::join(gguf_architecture_names(), ", ")),
        kSourceHint);
  }
  VALENCE_TRY(const auto parts, metadata.find_integer("split.count"));
  if (parts.value_or(1) > 1) {
    return fail(ErrorCode::kUnsupported, metadata.source(), fmt::format("is one of the {} parts of a model", *parts),
                "merge them into one file, with llama-gguf-split --merge");
  }
  return files;
}

/// Which of the model types that are converted to `files` this one was.
Result<const Architecture*> choose_member(const GgufFile& file, const GgufArchitecture& files) {
  if (files.members.size() == 1) return &files.members.front();
  if (files.name == "llama") {
    VALENCE_TRY(const bool windowed, has_window(file.metadata, files));
    return &files.member(windowed ? "mistral" : "llama");
  }
  if (!has(file.tensors, "token_types.weight")) return &files.member("distilbert");
  VALENCE_TRY(const std::int64_t before_first, positions_before_first(file, files));
  VALENCE_TRY(const auto tokenizer, file.metadata.find_string("tokenizer.ggml.model"));
  const bool roberta = before_first > 0 || tokenizer == "gpt2" || tokenizer == "t5";
  return &files.member(roberta ? "roberta" : "bert");
}

/// A decoder's head is one layer, which is called as such a layer alone is; older files have the checkpoint's name.
void name_classifier(TensorTable& tensors) {
  constexpr std::string_view kName = "cls.output";
  for (const std::string_view other : {"cls", "score"}) {
    if (has(tensors, fmt::format("{}.weight", kName))) return;
    for (const std::string_view part : {"weight", "bias"}) {
      auto found = tensors.extract(fmt::format("{}.{}", other, part));
      if (!found) continue;
      found.key() = fmt::format("{}.{}", kName, part);
      tensors.insert(std::move(found));
    }
  }
}

/// Whether the tensor is `name`'s matrix of as many rows as columns.
bool is_square(const TensorTable& tensors, std::string_view name) {
  const auto found = tensors.find(name);
  return found != tensors.end() && found->second.shape.size() == 2 && found->second.shape[0] == found->second.shape[1];
}

/// The layer between encoder and classifier as people know it, and what it means that it is not there.
struct DenseLayer {
  std::string_view name;
  std::string_view consequence;
};
DenseLayer dense_layer(std::string_view model_type) {
  constexpr std::string_view kWithout = " Without it";
  if (model_type == "bert") return {"its pooler, bert.pooler.dense", " llama.cpp's converter drops it; without it"};
  if (model_type == "nomic_bert") return {"its pooler, nomic_bert.pooler.dense", kWithout};
  if (model_type == "modernbert") return {"its dense layer, head.dense", kWithout};
  if (model_type == "roberta") return {"its dense layer, classifier.dense", kWithout};
  return {"its dense layer, pre_classifier", kWithout};
}

/// An encoder's head is cls (a dense layer, BERT's pooler) and cls.output (the classifier); the second alone makes a
/// decoder's, or one of tokens.
Status check_head(const GgufFile& file, const GgufArchitecture& files, const Architecture& architecture) {
  VALENCE_TRY(const auto pooling, file.metadata.find_string("valence.head.pooling"));
  const bool has_classifier = has(file.tensors, "cls.output.weight");
  const bool has_dense = has(file.tensors, "cls.weight");
  const bool classifier_alone = files.decoder || pooling == "none";
  if (has_classifier && (has_dense || classifier_alone)) return {};
  const std::string& source = file.metadata.source();
  if (!has_classifier && (!has_dense || classifier_alone)) {
    return fail(ErrorCode::kInvalidData, source,
                files.decoder
                    ? "has no classification head: no cls.output.weight; it is a language model that writes text, or "
                      "its conversion left the head out"
                    : "has no classification head: neither cls.weight nor cls.output.weight; it is an encoder for "
                      "embeddings, or its conversion left the head out",
                "choose a checkpoint that was trained for sequence classification");
  }
  const DenseLayer dense = dense_layer(architecture.model_type);
  if (has_classifier) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("lost {}, in conversion: cls.output.weight, the classifier, is there, and cls.weight, the "
                            "layer before it, is not.{} every score is wrong",
                            dense.name, dense.consequence),
                kSourceHint);
  }
  // Without labels in config.json the same converter calls the classifier cls.
  if (!is_square(file.tensors, "cls.weight")) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("lost {}, in conversion: cls.weight has the classifier's shape {}, and there is no layer "
                            "before it.{} every score is wrong",
                            dense.name, to_string(file.tensors.find("cls.weight")->second.shape), dense.consequence),
                kSourceHint);
  }
  return fail(ErrorCode::kInvalidData, source,
              "has a part of its classification head only: cls.weight, but no cls.output.weight, the classifier",
              kSourceHint);
}

/// Some converters store query, key and value as one tensor, attn_qkv; here they become three again. One of other
/// sizes is left alone, and its parts are missing later.
void divide_attention(TensorTable& tensors, const EncoderSpec& spec) {
  constexpr std::string_view kFused = ".attn_qkv.";
  const std::int64_t queries = spec.query_size();
  const std::int64_t keys = spec.key_value_size();
  TensorTable parts;
  std::erase_if(tensors, [&](const auto& entry) {
    const auto& [name, view] = entry;
    const auto at = name.find(kFused);
    if (at == name.npos || view.shape.empty() || view.shape[0] != queries + 2 * keys) return false;
    if (view.shape.size() == 1 && has_blocks(view.dtype)) return false;  // a block may lie across the border
    const std::string rest = name.substr(at + kFused.size());
    std::int64_t begin = 0;
    for (const auto& [part, rows] : {std::pair{"attn_q", queries}, {"attn_k", keys}, {"attn_v", keys}}) {
      parts.try_emplace(fmt::format("{}.{}.{}", name.substr(0, at), part, rest), rows_of(view, begin, rows));
      begin += rows;
    }
    return true;
  });
  tensors.merge(parts);
}

/// Which layers have a bias where no key of GGUF says it: those that the file has one for.
void find_biases(const TensorTable& tensors, const GgufArchitecture& files, ModelSpec& spec) {
  if (files.decoder) spec.head.classifier_bias = has(tensors, "cls.output.bias");
  if (files.biased) return;
  Biases& biases = spec.encoder.biases;
  biases.qkv = has(tensors, "blk.0.attn_q.bias");
  biases.attention_output = has(tensors, "blk.0.attn_output.bias");
  biases.ffn_in = has(tensors, "blk.0.ffn_up.bias");
  biases.ffn_out = has(tensors, "blk.0.ffn_down.bias");
  if (spec.encoder.norm_kind == NormKind::kLayerNorm) {
    biases.norm = has(tensors, "token_embd_norm.bias") || has(tensors, "output_norm.bias");
  }
  spec.head.dense_bias = has(tensors, "cls.bias");
}

/// Llama 3's stretching of long waves, which conversion has turned into a factor for each pair of a head.
Status read_rope_factors(GgufFile& file, EncoderSpec& spec) {
  constexpr auto kName = "rope_freqs.weight";
  const auto found = file.tensors.find(kName);
  if (found == file.tensors.end() || spec.layer_attention.empty()) return {};
  const TensorView& view = found->second;
  const Shape expected = {spec.head_size() / 2};
  if (view.dtype != DType::kF32 || view.shape != expected) {
    return fail(ErrorCode::kInvalidData, file.metadata.source(),
                fmt::format("tensor \"{}\" is {} {}, expected F32 {}: one for each pair of a head", kName,
                            name(view.dtype), to_string(view.shape), to_string(expected)));
  }
  std::vector<float> factors(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, factors);
  const auto usable = [](float factor) { return factor > 0 && std::isfinite(factor); };
  if (!std::ranges::all_of(factors, usable)) {
    return fail(ErrorCode::kInvalidData, file.metadata.source(),
                fmt::format("tensor \"{}\" holds a factor that is not above 0", kName));
  }
  const auto shared = std::make_shared<const std::vector<float>>(std::move(factors));
  for (LayerAttention& layer : spec.layer_attention) {
    if (layer.rotary) layer.rotary->frequency_factors = shared;
  }
  file.tensors.erase(found);
  return {};
}

}  // namespace

Result<std::optional<std::filesystem::path>> find_gguf(const std::filesystem::path& model) {
  constexpr auto kExtension = ".gguf";
  std::error_code ignored;
  if (!std::filesystem::is_directory(model, ignored)) {
    if (model.extension() == kExtension) return model;
    return std::nullopt;
  }
  if (Checkpoint::has_safetensors(model)) return std::nullopt;
  std::vector<std::filesystem::path> found;
  for (auto it = std::filesystem::directory_iterator(model, ignored);
       !ignored && it != std::filesystem::directory_iterator(); it.increment(ignored)) {
    if (it->path().extension() == kExtension) found.push_back(it->path());
  }
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return found.front();
  std::vector<std::string> names;
  for (const auto& path : found) names.push_back(path.filename().string());
  std::ranges::sort(names);
  constexpr std::size_t kShown = 10;
  if (names.size() > kShown) names.resize(kShown);
  return fail(ErrorCode::kInvalidArgument, model.string(),
              fmt::format("holds {} GGUF files: {}{}", found.size(), fmt::join(names, ", "),
                          found.size() > kShown ? ", ..." : ""),
              "name the one to use");
}

Result<GgufModel> gguf_model(GgufFile file) {
  VALENCE_TRY(const GgufArchitecture* const files, files_of(file.metadata));
  VALENCE_TRY(const Architecture* const architecture, choose_member(file, *files));
  if (files->decoder) name_classifier(file.tensors);
  VALENCE_TRY_STATUS(check_head(file, *files, *architecture));
  VALENCE_TRY(ModelSpec spec, gguf_spec(file, *files, *architecture));
  divide_attention(file.tensors, spec.encoder);
  find_biases(file.tensors, *files, spec);
  VALENCE_TRY_STATUS(read_rope_factors(file, spec.encoder));
  return GgufModel{std::move(spec), architecture, std::move(file.tensors)};
}

}  // namespace valence

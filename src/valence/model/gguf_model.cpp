#include "valence/model/gguf_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/arch/gguf_bert.h"
#include "valence/model/checkpoint.h"
#include "valence/model/gguf_config.h"

namespace valence {
namespace {

constexpr auto kSourceHint =
    "give the Hugging Face directory that this file was converted from (config.json, model.safetensors)";

bool has(const TensorTable& tensors, std::string_view name) { return tensors.find(name) != tensors.end(); }

Status check_architecture(const GgufMetadata& metadata) {
  constexpr auto kKey = "general.architecture";
  VALENCE_TRY(const auto architecture, metadata.required(metadata.find_string(kKey), kKey));
  if (architecture != "bert") {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("{} {}: expected \"bert\"", kKey, in_quotes(architecture)), kSourceHint);
  }
  VALENCE_TRY(const auto parts, metadata.find_integer("split.count"));
  if (parts.value_or(1) > 1) {
    return fail(ErrorCode::kUnsupported, metadata.source(), fmt::format("is one of the {} parts of a model", *parts),
                "merge them into one file, with llama-gguf-split --merge");
  }
  return {};
}

/// Whether the tensor is `name`'s matrix of as many rows as columns.
bool is_square(const TensorTable& tensors, std::string_view name) {
  const auto found = tensors.find(name);
  return found != tensors.end() && found->second.shape.size() == 2 && found->second.shape[0] == found->second.shape[1];
}

/// The head is cls (a dense layer, BERT's pooler) and cls.output (the classifier).
Status check_head(const GgufFile& file, const Architecture& architecture) {
  const bool has_classifier = has(file.tensors, "cls.output.weight");
  if (has_classifier && has(file.tensors, "cls.weight")) return {};
  const std::string& source = file.metadata.source();
  if (!has_classifier && !has(file.tensors, "cls.weight")) {
    return fail(
        ErrorCode::kInvalidData, source,
        "has no classification head: neither cls.weight nor cls.output.weight; it is an encoder for embeddings, "
        "or its conversion left the head out",
        "choose a checkpoint that was trained for sequence classification");
  }
  const std::string_view dense =
      architecture.model_type == "bert" ? "its pooler, bert.pooler.dense" : "its dense layer, pre_classifier";
  if (has_classifier) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("lost {}, in conversion: cls.output.weight, the classifier, is there, and cls.weight, the "
                            "layer before it, is not. llama.cpp's converter drops it; without it every score is wrong",
                            dense),
                kSourceHint);
  }
  // Without labels in config.json the same converter calls the classifier cls.
  if (!is_square(file.tensors, "cls.weight")) {
    return fail(ErrorCode::kInvalidData, source,
                fmt::format("lost {}, in conversion: cls.weight has the classifier's shape {}, and there is no layer "
                            "before it. llama.cpp's converter drops it; without it every score is wrong",
                            dense, to_string(file.tensors.find("cls.weight")->second.shape)),
                kSourceHint);
  }
  return fail(ErrorCode::kInvalidData, source,
              "has a part of its classification head only: cls.weight, but no cls.output.weight, the classifier",
              kSourceHint);
}

/// Some converters store query, key and value as one tensor, attn_qkv; here they become three again. What does not
/// divide by three is left alone, and its parts are missing later.
void divide_attention(TensorTable& tensors) {
  constexpr std::string_view kFused = ".attn_qkv.";
  TensorTable parts;
  std::erase_if(tensors, [&](const auto& entry) {
    const auto& [name, view] = entry;
    const auto at = name.find(kFused);
    if (at == name.npos || view.shape.empty() || view.shape[0] == 0 || view.shape[0] % 3 != 0) return false;
    if (view.shape.size() == 1 && has_blocks(view.dtype)) return false;  // a block may lie across the border
    const std::int64_t third = view.shape[0] / 3;
    const std::string rest = name.substr(at + kFused.size());
    std::int64_t begin = 0;
    for (const std::string_view part : {"attn_q", "attn_k", "attn_v"}) {
      parts.try_emplace(fmt::format("{}.{}.{}", name.substr(0, at), part, rest), rows_of(view, begin, third));
      begin += third;
    }
    return true;
  });
  tensors.merge(parts);
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
  VALENCE_TRY_STATUS(check_architecture(file.metadata));
  const Architecture& architecture = has(file.tensors, "token_types.weight") ? gguf_bert() : gguf_distilbert();
  VALENCE_TRY_STATUS(check_head(file, architecture));
  VALENCE_TRY(ModelSpec spec, gguf_spec(file, architecture));
  divide_attention(file.tensors);
  return GgufModel{std::move(spec), &architecture, std::move(file.tensors)};
}

}  // namespace valence

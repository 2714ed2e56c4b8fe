#include "valence/engine/gguf_tokenizer.h"

#include <fmt/format.h>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"
#include "valence/tensor/gguf_reader.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence {
namespace {

/// The first of two keys that is there.
Result<std::optional<std::int64_t>> first_integer(const GgufMetadata& metadata, std::string_view key,
                                                  std::string_view otherwise) {
  VALENCE_TRY(const auto value, metadata.find_integer(key));
  return value ? Result<std::optional<std::int64_t>>(value) : metadata.find_integer(otherwise);
}

}  // namespace

Result<Tokenizer> load_tokenizer(const std::filesystem::path& model) {
  VALENCE_TRY(const auto gguf, find_gguf(model));
  VALENCE_TRY(const auto onnx, find_onnx(model));
  if (onnx) {
    return Tokenizer::load(tokenizer_directory(*onnx));
  }
  if (!gguf) return Tokenizer::load(model);
  VALENCE_TRY(const MappedFile mapped, MappedFile::open(*gguf));
  VALENCE_TRY(const GgufFile file, parse_gguf(mapped.bytes(), gguf->string()));
  return gguf_tokenizer(file.metadata);
}

Result<Tokenizer> gguf_tokenizer(const GgufMetadata& metadata) {
  constexpr auto kWholeTokenizer = "tokenizer.huggingface.json";
  VALENCE_TRY(const auto json, metadata.find_string(kWholeTokenizer));
  if (json) return Tokenizer::from_tokenizer_json(*json, fmt::format("{}: {}", metadata.source(), kWholeTokenizer));
  constexpr auto kKind = "tokenizer.ggml.model";
  VALENCE_TRY(const auto kind, metadata.required(metadata.find_string(kKind), kKind));
  if (kind != "bert") {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("{} {}: only \"bert\", a WordPiece tokenizer, is read", kKind, in_quotes(kind)),
                "give the Hugging Face directory that this file was converted from");
  }
  constexpr auto kTokens = "tokenizer.ggml.tokens";
  constexpr auto kMost = tokenizer::kMaxVocabularyTokens;
  tokenizer::GgmlVocabulary vocabulary;
  VALENCE_TRY(vocabulary.tokens, metadata.required(metadata.find_strings(kTokens, kMost), kTokens));
  VALENCE_TRY(vocabulary.types, metadata.find_integers("tokenizer.ggml.token_type", kMost));
  VALENCE_TRY(vocabulary.unk, metadata.find_integer("tokenizer.ggml.unknown_token_id"));
  VALENCE_TRY(vocabulary.cls, first_integer(metadata, "tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id"));
  VALENCE_TRY(vocabulary.sep,  // the key's own spelling
              first_integer(metadata, "tokenizer.ggml.seperator_token_id", "tokenizer.ggml.eos_token_id"));
  VALENCE_TRY(vocabulary.pad, metadata.find_integer("tokenizer.ggml.padding_token_id"));
  VALENCE_TRY(vocabulary.mask, metadata.find_integer("tokenizer.ggml.mask_token_id"));
  VALENCE_TRY(vocabulary.lowercase, metadata.find_boolean("tokenizer.ggml.normalizer.lowercase"));
  VALENCE_TRY(vocabulary.strip_accents, metadata.find_boolean("tokenizer.ggml.normalizer.strip_accents"));
  return tokenizer::build_from_ggml(vocabulary, metadata.source());
}

}  // namespace valence

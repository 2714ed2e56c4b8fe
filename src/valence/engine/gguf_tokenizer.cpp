#include "valence/engine/gguf_tokenizer.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"
#include "valence/tensor/gguf_reader.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/merge_rules.h"
#include "valence/tokenizer/vocabulary.h"

namespace valence {
namespace {

using tokenizer::GgmlVocabulary;

/// A tokenizer.ggml.model and what makes it.
struct Kind {
  std::string_view name;
  Result<std::string> (*json)(const GgmlVocabulary& vocabulary, const std::string& where);
};
constexpr std::array kKinds = {Kind{"bert", tokenizer::ggml_word_piece_json}, Kind{"gpt2", tokenizer::ggml_bpe_json},
                               Kind{"t5", tokenizer::ggml_unigram_json},
                               Kind{"llama", tokenizer::ggml_sentencepiece_json}};

constexpr std::string_view kWholeTokenizer = "tokenizer.huggingface.json";

Status read_tokens(const GgufMetadata& metadata, GgmlVocabulary& vocabulary) {
  constexpr auto kTokens = "tokenizer.ggml.tokens";
  constexpr auto kMost = tokenizer::kMaxVocabularyTokens;
  VALENCE_TRY(vocabulary.tokens, metadata.required(metadata.find_strings(kTokens, kMost), kTokens));
  VALENCE_TRY(vocabulary.types, metadata.find_integers("tokenizer.ggml.token_type", kMost));
  VALENCE_TRY(vocabulary.scores, metadata.find_numbers("tokenizer.ggml.scores", kMost));
  VALENCE_TRY(auto merges, metadata.find_strings("tokenizer.ggml.merges", tokenizer::kMaxMerges));
  if (merges) vocabulary.merges = std::move(*merges);
  VALENCE_TRY(const auto charsmap, metadata.find_bytes("tokenizer.ggml.precompiled_charsmap"));
  vocabulary.precompiled_charsmap = charsmap.value_or("");
  return {};
}

Status read_settings(const GgufMetadata& metadata, GgmlVocabulary& vocabulary) {
  VALENCE_TRY(vocabulary.pre, metadata.find_string("tokenizer.ggml.pre"));
  VALENCE_TRY(vocabulary.bos, metadata.find_integer("tokenizer.ggml.bos_token_id"));
  VALENCE_TRY(vocabulary.eos, metadata.find_integer("tokenizer.ggml.eos_token_id"));
  VALENCE_TRY(vocabulary.unk, metadata.find_integer("tokenizer.ggml.unknown_token_id"));
  VALENCE_TRY(vocabulary.cls, metadata.find_integer("tokenizer.ggml.cls_token_id"));
  VALENCE_TRY(vocabulary.sep, metadata.find_integer("tokenizer.ggml.seperator_token_id"));  // the key's own spelling
  VALENCE_TRY(vocabulary.pad, metadata.find_integer("tokenizer.ggml.padding_token_id"));
  VALENCE_TRY(vocabulary.mask, metadata.find_integer("tokenizer.ggml.mask_token_id"));
  VALENCE_TRY(vocabulary.add_bos, metadata.find_boolean("tokenizer.ggml.add_bos_token"));
  VALENCE_TRY(vocabulary.add_eos, metadata.find_boolean("tokenizer.ggml.add_eos_token"));
  VALENCE_TRY(vocabulary.add_space_prefix, metadata.find_boolean("tokenizer.ggml.add_space_prefix"));
  VALENCE_TRY(vocabulary.lowercase, metadata.find_boolean("tokenizer.ggml.normalizer.lowercase"));
  VALENCE_TRY(vocabulary.strip_accents, metadata.find_boolean("tokenizer.ggml.normalizer.strip_accents"));
  return {};
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

Result<std::string> ggml_tokenizer_json(const GgufMetadata& metadata) {
  constexpr auto kKind = "tokenizer.ggml.model";
  VALENCE_TRY(const auto kind, metadata.required(metadata.find_string(kKind), kKind));
  std::string names;
  for (const auto& [name, json] : kKinds) {
    if (kind == name) {
      GgmlVocabulary vocabulary;
      VALENCE_TRY_STATUS(read_tokens(metadata, vocabulary));
      VALENCE_TRY_STATUS(read_settings(metadata, vocabulary));
      return json(vocabulary, metadata.source());
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return fail(ErrorCode::kUnsupported, metadata.source(),
              fmt::format("{} {}: expected one of {}", kKind, in_quotes(kind), names),
              "give the Hugging Face directory that this file was converted from");
}

Result<std::string> gguf_tokenizer_json(const GgufMetadata& metadata) {
  VALENCE_TRY(const auto whole, metadata.find_string(kWholeTokenizer));
  if (whole) return std::string(*whole);
  return ggml_tokenizer_json(metadata);
}

Result<Tokenizer> gguf_tokenizer(const GgufMetadata& metadata) {
  VALENCE_TRY(const std::string json, gguf_tokenizer_json(metadata));
  const bool is_whole = metadata.find(kWholeTokenizer) != nullptr;
  return Tokenizer::from_tokenizer_json(
      json, fmt::format("{}: {}", metadata.source(), is_whole ? kWholeTokenizer : "tokenizer.ggml"));
}

}  // namespace valence

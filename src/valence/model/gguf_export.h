/// \file
/// A classifier as a GGUF file of one of llama.cpp's architectures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/model.h"
#include "valence/tensor/gguf_writer.h"

namespace valence {

/// A tokenizer as the tokenizer.ggml.* keys have it, token by token in order of ids; what is empty is not written.
struct GgufVocabulary {
  /// token_type, as llama.cpp counts them.
  enum class TokenType : std::int32_t {
    kNormal = 1,
    kUnknown = 2,
    kControl = 3,
    kUserDefined = 4,
    kUnused = 5,  ///< a row of the embedding table that no token has
    kByte = 6,
  };

  std::string model;                ///< "bert", "gpt2", "t5" or "llama"
  std::string pre;                  ///< how texts are cut into words
  std::vector<std::string> tokens;  ///< of "bert" as tokenizer.json has them, with their ##
  std::vector<TokenType> types;
  std::vector<float> scores;
  std::vector<std::string> merges;  ///< "left right"
  std::string precompiled_charsmap;
  std::int32_t bos = -1, eos = -1, unk = -1, cls = -1, sep = -1, pad = -1, mask = -1;  ///< ids; -1: none
  std::optional<bool> add_bos, add_eos, add_space_prefix, lowercase, strip_accents;
  std::string tokenizer_json;  ///< the whole of it; empty: only the rest is known
};

struct GgufExport {
  GgufWriter writer;
  std::vector<std::vector<std::byte>> tensors;  ///< what the writer views
};

/// Keys and tensors as llama.cpp's converter names and orders them, but with what it leaves out, BERT's pooler (as
/// `cls`) and decoders' heads (as `cls.output`), and with labels always; what GGUF has no key for goes under keys of
/// our own (gguf_model.h). Matrices become `dtype`: F32, F16, BF16, or Q8_0 where their rows are whole blocks; vectors
/// and tables of positions and types are F32.
///
/// Errors: kUnsupported for models that no architecture of llama.cpp's is of, and for heads other than those of
/// sequence classification.
Result<std::unique_ptr<GgufExport>> export_gguf(const Model& model, const GgufVocabulary& vocabulary, DType dtype,
                                                const std::string& name);

}  // namespace valence

/// \file
/// A classifier as a GGUF file of llama.cpp's `bert` architecture.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/model.h"
#include "valence/tensor/gguf_writer.h"

namespace valence {

/// A WordPiece vocabulary by id, and the whole tokenizer it is of.
struct GgufVocabulary {
  std::vector<std::string> tokens;  ///< as tokenizer.json has them, with their ##
  std::vector<bool> is_control;
  std::int32_t unk = -1, cls = -1, sep = -1, pad = -1, mask = -1;  ///< -1: none
  bool lowercase = false;
  std::string tokenizer_json;  ///< empty: only the tokens are known
};

struct GgufExport {
  GgufWriter writer;
  std::vector<std::vector<std::byte>> tensors;  ///< what the writer views
};

/// Keys and tensors as llama.cpp's converter names them, but with the pooler, as `cls`, and with labels always; what
/// GGUF has no key for goes under keys of our own (gguf_model.h). Matrices become `dtype`: F32, F16, BF16, or Q8_0
/// where their rows are whole blocks; vectors and tables of positions and types are F32.
///
/// Errors: kUnsupported for anything but BERT and DistilBERT sequence classifiers.
Result<std::unique_ptr<GgufExport>> export_gguf(const Model& model, const GgufVocabulary& vocabulary, DType dtype,
                                                const std::string& name);

}  // namespace valence

/// \file
/// The tokenizer of a model, wherever it is kept: in files beside the weights, or in the metadata of a GGUF file.
#pragma once

#include <filesystem>

#include "valence/base/error.h"
#include "valence/tensor/gguf_metadata.h"
#include "valence/tokenizer.h"

namespace valence {

/// Of what load_model (model/model.h) takes: a model directory or a GGUF file.
Result<Tokenizer> load_tokenizer(const std::filesystem::path& model);

/// `tokenizer.huggingface.json` if it is there, which says all; else what tokenizer.ggml.model names
/// (tokenizer/ggml_vocabulary.h). Other kinds are kUnsupported.
Result<Tokenizer> gguf_tokenizer(const GgufMetadata& metadata);

}  // namespace valence

/// \file
/// The tokenizer of a model, wherever it is kept: in files beside the weights, or in the metadata of a GGUF file.
#pragma once

#include <filesystem>
#include <string>

#include "valence/base/error.h"
#include "valence/tensor/gguf_metadata.h"
#include "valence/tokenizer.h"

namespace valence {

/// Of what load_model (model/model.h) takes: a model directory or a GGUF file.
Result<Tokenizer> load_tokenizer(const std::filesystem::path& model);

/// `tokenizer.huggingface.json` if it is there, which says all; else what tokenizer.ggml.model names
/// (tokenizer/ggml_vocabulary.h), as the text of a tokenizer.json. Other kinds are kUnsupported.
Result<std::string> gguf_tokenizer_json(const GgufMetadata& metadata);

/// What tokenizer.ggml.* alone say, which is what programs other than valence read.
Result<std::string> ggml_tokenizer_json(const GgufMetadata& metadata);

/// gguf_tokenizer_json(), loaded.
Result<Tokenizer> gguf_tokenizer(const GgufMetadata& metadata);

}  // namespace valence

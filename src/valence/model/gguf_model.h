/// \file
/// A BERT-family classifier in a GGUF file: its metadata as a specification, its tensors as what the binder looks for.
#pragma once

#include <filesystem>
#include <optional>

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {

/// The GGUF file that `model` names: itself if it ends in .gguf, or the only one of a directory that has no safetensors
/// weights. Nothing where there is none; a directory with several is an error that lists them.
Result<std::optional<std::filesystem::path>> find_gguf(const std::filesystem::path& model);

struct GgufModel {
  ModelSpec spec;
  const Architecture* architecture = nullptr;  ///< what the file calls keys and tensors
  TensorTable tensors;                         ///< views into the file
};

/// Sizes and labels come from the metadata, with the bounds and rules of config.json (model/config.h). Labels stand in
/// `bert.classifier.output_labels`; without them they are LABEL_0, LABEL_1, ... as converters leave those out. What no
/// key of GGUF says has keys of our own: valence.problem_type, valence.hidden_act (else gelu), valence.head.activation
/// (else that of the architecture), valence.head.pooling ("cls").
///
/// A DistilBERT is a `bert` without token types. A file whose classification head is not whole is refused with what
/// its conversion lost: llama.cpp's converter drops BERT's pooler, and scores without it would be wrong.
Result<GgufModel> gguf_model(GgufFile file);

}  // namespace valence

/// \file
/// A classifier in a GGUF file: its metadata as a specification, its tensors as what the binder looks for.
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
  const Architecture* architecture = nullptr;  ///< what the file calls keys and tensors; lives as long as the program
  TensorTable tensors;                         ///< views into the file
};

/// Of llama.cpp's architectures (arch/gguf_architectures.h). Sizes and labels come from the metadata, with the bounds
/// and rules of config.json (model/config.h). Labels stand in `<architecture>.classifier.output_labels`; without them
/// they are LABEL_0, LABEL_1, ... as converters leave those out. What no key of GGUF says has keys of our own:
/// valence.problem_type, valence.hidden_act and valence.head.activation (else those of the architecture, by the names
/// of config.json), valence.head.pooling ("cls", "mean", "last"; "none" for token classification).
///
/// Of `bert`, a file without token types is a DistilBERT, and one with a tokenizer other than WordPiece a RoBERTa. Its
/// position table has lost the rows before the first position in conversion, or still has them: its rows say which.
/// Query and key of `llama` are reordered by conversion, and read as they were; its rope_freqs.weight stands for the
/// scaling of Llama 3. A ModernBERT reads the mean of its tokens, as llama.cpp has it, unless a key says the first.
///
/// A file whose classification head is not whole is refused with what its conversion lost: llama.cpp's converter drops
/// BERT's pooler, and scores without it would be wrong. So is what would be another computation: mixtures of experts,
/// ALiBi, scaled or capped scores, encoders that are causal and decoders that are not, other kinds of pooling.
Result<GgufModel> gguf_model(GgufFile file);

}  // namespace valence

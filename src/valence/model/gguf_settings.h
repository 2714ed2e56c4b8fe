/// \file
/// A specification as GGUF metadata: the way back from gguf_config.h and gguf_attention.h.
#pragma once

#include "valence/base/error.h"
#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/gguf_writer.h"

namespace valence {

/// The keys of sizes, attention and head that a file of `form` has. Not those of the tokenizer.
/// Errors: kUnsupported for what GGUF has no key for, told as `source`'s.
Status add_gguf_settings(const ModelSpec& spec, const GgufForm& form, const std::string& source, GgufWriter& writer);

/// What Llama 3's stretching divides the frequency of each pair of a head by, the tensor rope_freqs.weight; empty where
/// nothing is divided.
[[nodiscard]] std::vector<float> rope_factors(const EncoderSpec& spec);

}  // namespace valence

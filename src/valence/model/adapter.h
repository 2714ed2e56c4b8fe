/// \file
/// PEFT's LoRA adapters: small matrices that change a model's weights, beside it in a directory of their own.
#pragma once

#include <filesystem>

#include "valence/base/error.h"
#include "valence/model/checkpoint.h"
#include "valence/model/head_spec.h"

namespace valence {

/// Merges the adapter in `directory` (adapter_config.json, adapter_model.safetensors) into `checkpoint`, as PEFT's
/// merge_and_unload() would: W' = W + scale * B A in f32, biases and magnitudes (DoRA) too; modules that were trained
/// whole, such as the classifier, take the place of the checkpoint's or are added to it. The tensors it touches are
/// copies in f32; the files behind them stay as they are.
///
/// `spec` gets the labels that config.json beside the adapter names; without one, its own if the classifier has as many
/// rows, or LABEL_0, LABEL_1, ...
///
/// Errors: an adapter of another kind than LoRA, or with a setting that changes the arithmetic and is not built in, by
/// name; a tensor that has no module in the checkpoint, or another shape; a base model that stores other names (GGUF).
Status merge_adapter(const std::filesystem::path& directory, ModelSpec& spec, Checkpoint& checkpoint);

}  // namespace valence

/// \file
/// A loaded classification model before any backend has packed it: what it is, and where its parameters lie.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/model/checkpoint.h"
#include "valence/model/head_spec.h"
#include "valence/model/weights.h"

namespace valence {

/// Views in `weights` point into `checkpoint`; moving a Model keeps them valid (mapped bytes do not move).
struct Model {
  ModelSpec spec;
  Checkpoint checkpoint;
  ModelWeights weights;
};

/// Reads config.json and the weights of a Hugging Face model directory, and checks one against the other; or the same
/// from a GGUF file, which `model` names or is the only weights of (gguf_model.h).
Result<Model> load_model(const std::filesystem::path& model);

/// The same with a PEFT adapter (adapter.h) merged into it; an empty path: none.
Result<Model> load_model(const std::filesystem::path& model, const std::filesystem::path& adapter);

/// The same from memory: config.json's text and a safetensors image that outlives the model.
Result<Model> load_model(std::string_view config_json, std::span<const std::byte> weights_image,
                         const std::string& source, const std::filesystem::path& adapter = {});

/// The same over tensors that are open already.
Result<Model> load_model(std::string_view config_json, Checkpoint checkpoint);

/// The text of a model directory's config.json.
Result<std::string> read_config(const std::filesystem::path& model_dir);

}  // namespace valence

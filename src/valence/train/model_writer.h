/// \file
/// What training leaves: a directory that transformers loads, or an adapter that peft loads.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/train/base_model.h"
#include "valence/train/training_options.h"

namespace valence::train {

/// Name and content of files that go with the weights as they are (tokenizer, licence).
using CompanionFiles = std::vector<std::pair<std::string, std::string>>;

/// config.json, model.safetensors (F32) and the companions, each whole or not there; the directory exists. The weights
/// come last, so that a directory that has them has everything.
Status write_model(const BaseModel& model, const CompanionFiles& companions, const std::filesystem::path& directory);

/// adapter_config.json and adapter_model.safetensors as peft writes them, config.json (for the labels), companions.
/// `base_model` is how adapter_config.json names the base.
Status write_adapter(const BaseModel& model, const LoraOptions& options, const std::string& base_model,
                     const CompanionFiles& companions, const std::filesystem::path& directory);

}  // namespace valence::train

/// \file
/// Low-rank updates beside a network's matrices: which ones get them, how they begin, and what peft calls them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/train/network.h"
#include "valence/train/training_options.h"

namespace valence::train {

/// What peft adapts when LoraConfig names no target_modules: its table of query and value modules by model_type.
[[nodiscard]] std::vector<std::string> default_target_modules(const ModelSpec& spec);

/// Adds the parameters of the updates: "<module>.lora_A.weight" [r, in] drawn as torch.nn.Linear's (Kaiming uniform,
/// a = sqrt 5), "<module>.lora_B.weight" [out, r] zero. The set has room for them (lora_room()).
///
/// Errors: a target that no module's name ends in (lists those there are).
Status add_lora_parameters(Network& network, const LoraOptions& options, std::uint64_t seed, ParameterSet& parameters);

/// Whether a parameter is one of those.
[[nodiscard]] bool is_lora_parameter(std::string_view name);
/// Of those, the A of an update: [rank, in_features].
[[nodiscard]] bool is_lora_down(std::string_view name);

/// Whether peft keeps a parameter whole for sequence classification (modules_to_save): that of a module whose name ends
/// in "classifier" or "score", or of one inside it. DistilBERT's pre_classifier is one too.
[[nodiscard]] bool is_saved_whole(std::string_view name);

/// Floats that updates of rank `r` beside every matrix of `set` would need.
[[nodiscard]] std::size_t lora_room(std::span<const Shape> shapes, std::int64_t r);

/// Lets `network` run and learn them; after set_learning(). What `parameters` has none for stays as it is.
void attach_lora(Network& network, const ParameterSet& parameters, const LoraOptions& options);

/// What B A is multiplied with.
[[nodiscard]] double lora_scale(const LoraOptions& options);

}  // namespace valence::train

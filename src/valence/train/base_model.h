/// \file
/// What training starts from: a checkpoint's parameters in f32 under transformers' names, and a head for the labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/model.h"
#include "valence/train/parameter_set.h"

namespace valence::train {

/// What the model is to tell apart.
struct HeadRequest {
  std::vector<std::string> labels;  ///< by class index
  ProblemType problem_type = ProblemType::kSingleLabel;
};

/// How a base becomes a model.
struct BaseOptions {
  std::uint64_t seed = 0;
  /// Tells how many floats more the set is to have room for, from the shapes of its parameters; null: none.
  std::function<std::size_t(std::span<const Shape>)> room_beside = nullptr;
  /// Adds a last layer that has nothing to learn, after which the first token's state is the mean of all tokens'
  /// states, normalised: what sentence encoders are made to say. See can_add_mean_layer().
  bool adds_mean_layer = false;
};

/// Whether the mean of the states can be had as a layer of this kind: norms after their blocks, attention that can be
/// the same for all keys, layers of their own, and a head over the first token.
[[nodiscard]] bool can_add_mean_layer(const ModelSpec& spec);

/// Not copyable: `weights` are views into `parameters`.
struct BaseModel {
  std::string config_json;  ///< of the model to be, as transformers reads it
  ModelSpec spec;
  ParameterSet parameters;
  ModelWeights weights;
  std::vector<std::string> fresh;  ///< parameters that the checkpoint did not have: random, or zero for biases
  std::string mean_layer =
      {};  ///< the module of the layer that BaseOptions::adds_mean_layer asked for: it never learns
  std::vector<std::string> dropped;  ///< tensors of the checkpoint that the classifier does not use
};

/// `config_json` and `checkpoint` as a Hugging Face directory has them, with a head, one for other labels, or none.
///
/// The classifier is kept if it has as many outputs and the labels are the same, in the order of the checkpoint (then
/// `head.labels` may stand in any order); else it is drawn anew from a normal distribution (initializer_range) by
/// the seed, biases zero, as transformers does. Any other part of the head that is missing is drawn too.
/// Errors: what parse_config and bind_weights refuse.
Result<BaseModel> make_base_model(std::string_view config_json, const Checkpoint& checkpoint, const HeadRequest& head,
                                  const BaseOptions& options);

}  // namespace valence::train

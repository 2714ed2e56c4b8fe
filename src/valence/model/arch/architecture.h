/// \file
/// What one `model_type` calls things: its keys in config.json and its tensors in the checkpoint. An architecture of
/// this family is a table of names; the forward pass is written once, in encoder.h.
#pragma once

#include <string_view>

#include "valence/model/encoder_spec.h"

namespace valence {

/// The key of config.json (or of GGUF metadata) for each field of EncoderSpec. An empty key: the architecture has no
/// such setting.
struct ConfigKeys {
  std::string_view vocab_size;
  std::string_view hidden_size;
  std::string_view num_hidden_layers;
  std::string_view num_attention_heads;
  std::string_view intermediate_size;
  std::string_view max_position_embeddings;
  std::string_view type_vocab_size;  ///< empty: no token type embeddings
  std::string_view hidden_act;
  std::string_view layer_norm_eps;  ///< empty: 1e-12, fixed in the architecture's code
  std::string_view labels = "id2label";
};

/// Modules by role, as `transformers` names them; a module's parameters are `<name>.weight` and `<name>.bias`.
/// Embeddings and classifier are full names; the members from `query` on are relative to one layer.
struct TensorNames {
  std::string_view base_prefix;  ///< of the encoder inside a classifier; a bare encoder's file has the names without it
  std::string_view word_embeddings;
  std::string_view position_embeddings;
  std::string_view token_type_embeddings;  ///< empty: none
  std::string_view embeddings_norm;
  std::string_view head_dense;
  std::string_view classifier;
  std::string_view layers;  ///< layer i is `<layers>.<i>.`
  std::string_view query;
  std::string_view key;
  std::string_view value;
  std::string_view attention_output;
  std::string_view attention_norm;
  std::string_view intermediate;
  std::string_view output;
  std::string_view output_norm;
};

struct Architecture {
  std::string_view model_type;
  ConfigKeys keys;
  TensorNames names;
  Activation head_dense_act;
  std::string_view settings = "config.json";  ///< where the keys stand, for errors
};

}  // namespace valence

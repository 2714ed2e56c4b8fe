/// \file
/// What one `model_type` calls things: its keys in config.json and its tensors in the checkpoint, and how its encoder
/// differs from BERT's. The forward pass is written once, in encoder.h.
#pragma once

#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/model/head_spec.h"

namespace valence {

/// The key of config.json (or of GGUF metadata) for each field of EncoderSpec. An empty key: the architecture has no
/// such setting.
struct ConfigKeys {
  std::string_view vocab_size = "vocab_size";
  std::string_view hidden_size = "hidden_size";
  std::string_view num_hidden_layers = "num_hidden_layers";
  std::string_view num_attention_heads = "num_attention_heads";
  std::string_view intermediate_size = "intermediate_size";  ///< empty: `configure` sets it
  std::string_view max_position_embeddings = "max_position_embeddings";
  std::string_view type_vocab_size = "type_vocab_size";  ///< empty: no token type embeddings
  std::string_view hidden_act = "hidden_act";
  std::string_view layer_norm_eps = "layer_norm_eps";  ///< empty: fixed in the architecture's code
  std::string_view labels = "id2label";
};

/// What the architecture's configuration class assumes where config.json is silent.
struct ConfigDefaults {
  std::int64_t max_position_embeddings = 512;
  std::int64_t type_vocab_size = 2;
  std::int64_t least_type_vocab_size = 1;  ///< 0: a model may have no token types
  std::string_view hidden_act = "gelu";
  double layer_norm_eps = 1e-12;
};

/// Modules by role, as `transformers` names them; a module's parameters are `<name>.weight` and `<name>.bias`. Full
/// names up to `layers`; the members from `query` on are relative to one layer. Empty: the architecture has none, or
/// the layer's spec asks for none.
struct TensorNames {
  std::string_view base_prefix =
      {};  ///< of the encoder inside a classifier; a bare encoder's file has the names without it
  std::string_view word_embeddings = {};
  std::string_view position_embeddings = {};
  std::string_view token_type_embeddings = {};  ///< empty: none
  std::string_view embeddings_norm = {};
  std::string_view embedding_projection = {};  ///< from the tables' width to hidden_size
  std::string_view relative_embeddings = {};   ///< the table of RelativePositions
  std::string_view relative_norm = {};
  std::string_view final_norm = {};
  std::string_view head_dense = {};
  std::string_view head_norm = {};
  std::string_view classifier = {};
  std::string_view layers = {};  ///< layer i is `<layers>.<i>.`
  std::string_view query = {};
  std::string_view key = {};
  std::string_view value = {};
  std::string_view qkv = {};  ///< the three above in one matrix, one below another
  std::string_view query_norm = {};
  std::string_view key_norm = {};
  std::string_view position_key = {};  ///< kDisentangled: projections of the table, where a layer has its own
  std::string_view position_query = {};
  std::string_view attention_output = {};
  std::string_view attention_norm = {};
  std::string_view gate = {};
  std::string_view intermediate = {};
  std::string_view gate_intermediate = {};  ///< gate and intermediate in one matrix, one below the other
  std::string_view output = {};
  std::string_view output_norm = {};
};

struct Architecture {
  std::string_view model_type;
  ConfigKeys keys = {};
  ConfigDefaults defaults = {};
  TensorNames names;
  Activation head_dense_act = Activation::kTanh;
  std::string_view token_classifier = "classifier";  ///< what *ForTokenClassification calls its classifier
  /// Linear weights are stored [in_features, out_features] (GPT-2).
  bool transposed_linears = false;
  std::string_view settings = "config.json";  ///< where the keys stand, for errors
  /// Sets what is not the same for every model of the family and not a size; null: nothing is.
  Status (*configure)(const Json& config, ModelSpec& spec) = nullptr;
  /// The module of layer `index`; null: `<layers>.<index>`.
  std::string (*layer_module)(const ModelSpec& spec, std::int64_t index) = nullptr;
};

}  // namespace valence

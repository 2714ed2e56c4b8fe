/// \file
/// An encoder architecture as data. Field names are config.json's; an architecture file (arch/) fills them in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "valence/kernels/kernel_table.h"

namespace valence {

/// What a feed-forward block or a head's dense layer applies after its product.
using kernels::Activation;
using kernels::NormKind;

/// Where a block normalises: its sum with the residual (BERT), or what it reads (ModernBERT, decoders).
enum class NormPlacement : std::uint8_t { kPost, kPre };

/// Which linear layers, and norms, have a bias.
struct Biases {
  bool qkv = true;
  bool attention_output = true;
  bool ffn_in = true;
  bool ffn_out = true;
  bool norm = true;
};

/// Rotary position embedding: the angle of pair i of a head at position p is p * theta^(-2i / head_dim), then scaled.
/// Source: transformers 5, modeling_rope_utils.py.
struct RotarySpec {
  enum class Scaling : std::uint8_t { kNone, kLinear, kLlama3 };
  double theta = 10000;
  Scaling scaling = Scaling::kNone;
  double factor = 1;
  double low_freq_factor = 1;  ///< kLlama3 only, as the two below
  double high_freq_factor = 4;
  double original_max_position_embeddings = 8192;

  friend bool operator==(const RotarySpec&, const RotarySpec&) = default;
};

/// How scores depend on the distance between query and key, beside what the embeddings say.
struct RelativePositions {
  enum class Kind : std::uint8_t {
    kNone,
    kBias,          ///< a number for each head and bucket of distances (MPNet)
    kDisentangled,  ///< an embedding for each bucket, which queries and keys are multiplied with (DeBERTa)
  };
  Kind kind = Kind::kNone;
  std::int64_t buckets = 0;          ///< kBias: of the table. kDisentangled: position_buckets, 0 for one a distance
  std::int64_t max_distance = 0;     ///< the last bucket begins here
  bool content_to_position = false;  ///< kDisentangled: "c2p" of pos_att_type
  bool position_to_content = false;  ///< "p2c"
  bool shares_projections = false;   ///< share_att_key: embeddings are projected by the layer's own query and key
  bool normalised = false;           ///< norm_rel_ebd: a layer norm over the table

  /// Rows of the table.
  [[nodiscard]] std::int64_t table_rows() const {
    if (kind == Kind::kBias) return buckets;
    return 2 * (buckets > 0 ? buckets : max_distance);
  }
};

/// Attention of one layer, where layers differ.
struct LayerAttention {
  std::int64_t window = -1;  ///< >= 0: a token sees those at most so far away
  std::optional<RotarySpec> rotary;
};

/// A transformer that reads a whole text: what the architectures under arch/ have in common, and where they differ.
struct EncoderSpec {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t max_position_embeddings = 0;
  std::int64_t type_vocab_size = 0;  ///< 0: no token type embeddings (DistilBERT)
  Activation hidden_act = Activation::kGelu;
  float layer_norm_eps = 1e-12F;

  std::int64_t embedding_size = 0;       ///< width of the tables; 0: hidden_size. Otherwise projected to it (ALBERT)
  bool has_position_table = true;        ///< absolute positions are embedded and added
  std::int64_t first_position = 0;       ///< the position id of a text's first token (RoBERTa: 2)
  std::int32_t padding_id = -1;          ///< first_position > 0: tokens that positions do not count, as in transformers
  bool embedding_norm = true;            ///< a norm over the embeddings
  std::int64_t num_key_value_heads = 0;  ///< 0: num_attention_heads. Fewer: each serves several heads (Llama)
  std::int64_t head_dim = 0;             ///< 0: hidden_size / num_attention_heads
  bool head_norms = false;               ///< queries and keys are normalised a head at a time (Qwen3)
  bool causal = false;                   ///< a token sees those before it and itself
  RelativePositions relative = {};
  std::vector<LayerAttention> layer_attention = {};  ///< one a layer, or none: all plain
  NormPlacement norm_placement = NormPlacement::kPost;
  NormKind norm_kind = NormKind::kLayerNorm;
  bool first_attention_norm = true;  ///< kPre: layer 0 normalises what its attention reads (ModernBERT does not)
  bool final_norm = false;           ///< a norm over the last hidden states
  bool gated = false;                ///< feed-forward: act(gate(x)) * up(x)
  std::int64_t layer_groups = 0;     ///< > 0: so many groups of layers share their parameters (ALBERT), each having
  std::int64_t layers_in_group = 1;  ///< so many of its own, run in turn; num_hidden_layers counts every run
  Biases biases = {};

  [[nodiscard]] std::int64_t head_size() const { return head_dim > 0 ? head_dim : hidden_size / num_attention_heads; }
  [[nodiscard]] std::int64_t table_width() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  [[nodiscard]] std::int64_t key_value_heads() const {
    return num_key_value_heads > 0 ? num_key_value_heads : num_attention_heads;
  }
  [[nodiscard]] std::int64_t query_size() const { return num_attention_heads * head_size(); }
  [[nodiscard]] std::int64_t key_value_size() const { return key_value_heads() * head_size(); }
  /// Tokens that a sequence may have.
  [[nodiscard]] std::int64_t max_sequence_length() const { return max_position_embeddings - first_position; }
  /// Attention is a softmax over products of queries and keys and nothing else: what every reduced precision has fast.
  [[nodiscard]] bool has_plain_attention() const {
    return !causal && relative.kind == RelativePositions::Kind::kNone && layer_attention.empty() && !head_norms &&
           key_value_heads() == num_attention_heads;
  }
};

/// Elements of one layer's matrices: as many products and sums a token costs, attention aside.
[[nodiscard]] inline std::int64_t layer_parameters(const EncoderSpec& spec) {
  return spec.hidden_size *
         (2 * spec.query_size() + 2 * spec.key_value_size() + (spec.gated ? 3 : 2) * spec.intermediate_size);
}

}  // namespace valence

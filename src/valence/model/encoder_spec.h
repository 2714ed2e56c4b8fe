/// \file
/// An encoder architecture as data. Field names are config.json's; an architecture file (arch/) fills them in.
#pragma once

#include <cstdint>

#include "valence/kernels/kernel_table.h"

namespace valence {

/// What a feed-forward block or a head's dense layer applies after its product.
using kernels::Activation;

/// A post-norm encoder with learned absolute positions: what BERT and DistilBERT share.
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

  [[nodiscard]] std::int64_t head_size() const { return hidden_size / num_attention_heads; }
};

}  // namespace valence

/// \file
/// The arithmetic of an encoder, counted. 1 multiply-add = 2 flop; norms, embeddings and the head (under 0.5 %) are
/// left out.
#pragma once

#include <cstdint>
#include <span>

#include "valence/model/encoder_spec.h"

namespace valence::bench {

/// What the network nominally asks for a token: its linear layers. Attention comes on top.
[[nodiscard]] double linear_flop_per_token(const EncoderSpec& spec);
/// Attention's flop in a text of S tokens that all see each other are this, times S x S.
[[nodiscard]] double attention_flop_per_square(const EncoderSpec& spec);

/// Of texts of `lengths` tokens: every layer whole, as other engines compute them and literature counts. Attention is
/// that of the pairs that see each other; what a model adds to their scores is not counted.
[[nodiscard]] double nominal_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths);

/// The same as valence computes it: of the last layer keys and values of every token, the rest for one
/// token of each text, which is all that most heads read.
[[nodiscard]] double done_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths);

}  // namespace valence::bench

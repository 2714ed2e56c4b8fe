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
/// Attention's flop in a text of S tokens are this, times S x S.
[[nodiscard]] double attention_flop_per_square(const EncoderSpec& spec);

/// Of texts of `lengths` tokens: every layer whole, as other engines compute them and literature counts.
[[nodiscard]] double nominal_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths);

/// The same as valence computes it: of the last layer keys and values of every token, the rest for each text's first
/// token only, which is all the head reads.
[[nodiscard]] double done_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths);

}  // namespace valence::bench

/// \file
/// Settings of config.json, checked as they are read.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/model/encoder_spec.h"

namespace valence {

// Far above every published encoder, far below where products of two overflow; and no sum of products of int8 numbers
// is longer than 32 bits hold: 128 * 127 * 2^17 < 2^31.
inline constexpr std::int64_t kMaxVocabSize = 1 << 24;
inline constexpr std::int64_t kMaxHiddenSize = 1 << 16;
inline constexpr std::int64_t kMaxIntermediateSize = 1 << 17;
inline constexpr std::int64_t kMaxLayers = 1024;
inline constexpr std::int64_t kMaxPositions = 1 << 20;
inline constexpr std::int64_t kMaxTokenTypes = 1 << 16;
inline constexpr std::int64_t kMaxLabels = 100'000;

/// config[key], an integer from `smallest` to `largest`.
Result<std::int64_t> size_between(const Json& config, std::string_view key, std::int64_t smallest,
                                  std::int64_t largest);

/// The same, `fallback` where the key is absent or null.
Result<std::int64_t> size_or(const Json& config, std::string_view key, std::int64_t fallback, std::int64_t smallest,
                             std::int64_t largest);

/// config[key], a finite number above 0; `fallback` where the key is absent or null.
Result<double> positive_or(const Json& config, std::string_view key, double fallback);

/// config[key], one of transformers' names of an activation whose formula is one of ours; `fallback` is such a name.
Result<Activation> activation_or(const Json& config, std::string_view key, std::string_view fallback);

/// A norm's epsilon; an empty key: `fallback`.
Result<float> epsilon_or(const Json& config, std::string_view key, double fallback);

/// Refuses a value that has no members to look for: one of another kind would pass for an empty object.
Status expect_object(const Json& value);

/// Rotary embeddings as `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before) have them.
/// Errors: a kind of scaling that is not built in.
Result<RotarySpec> parse_rotary(const Json& config, double default_theta);

/// The object `rope_parameters` or a part of it.
Result<RotarySpec> parse_rotary_parameters(const Json& parameters, double default_theta);

/// `layer_types` of `layers` layers: whether each has "full_attention" (else "sliding_attention").
Result<std::vector<bool>> parse_layer_types(const Json& layer_types, std::int64_t layers);

/// kUnsupported: `key` has a value under which the same tensors would mean a computation that is not built in.
tl::unexpected<Error> unsupported(const Json& config, std::string_view what, std::string_view hint = {});

}  // namespace valence

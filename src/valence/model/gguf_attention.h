/// \file
/// What GGUF metadata says of heads, rotary positions and windows, in the words of config.json.
#pragma once

#include "valence/base/error.h"
#include "valence/model/arch/gguf_architectures.h"
#include "valence/model/config_text.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {

/// Nothing for architectures without rotary positions. Refused as kUnsupported: heads that differ by layer, values of
/// another width than keys, rotary positions of a part of a head, and scalings other than linear (Llama 3's is the
/// tensor rope_freqs.weight, gguf_model.h).
Status add_attention_settings(const GgufMetadata& metadata, const GgufArchitecture& files,
                              const Architecture& architecture, ConfigText& settings);

/// Whether only a window of the text is seen in some layers.
Result<bool> has_window(const GgufMetadata& metadata, const GgufArchitecture& files);

}  // namespace valence

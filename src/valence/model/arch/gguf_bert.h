/// \file
/// What GGUF files of llama.cpp's `bert` architecture call keys and tensors.
#pragma once

#include "valence/model/arch/architecture.h"

namespace valence {

const Architecture& gguf_bert();
/// The same without token types, and with DistilBERT's activation in its head.
const Architecture& gguf_distilbert();

}  // namespace valence

/// \file
/// The forward pass, written once for every backend.
#pragma once

#include "valence/model/backend.h"

namespace valence {

/// Token ids in, logits out: see Backend. Nothing is allocated once the workspace has seen a batch as
/// large. Every id, type and position must be in range: EncoderRunner checks them at its border.
template <Backend B>
void forward(const B& backend, const PackedBatch& batch, typename B::Workspace& workspace, std::span<float> logits) {
  backend.embed(batch, workspace);
  const std::int64_t last = backend.num_hidden_layers() - 1;
  for (std::int64_t layer = 0; layer <= last; ++layer) {
    backend.attention_block(layer, batch, layer == last ? backend.last_rows() : OutputRows::kAll, workspace);
    backend.ffn_block(layer, workspace);
  }
  backend.classify(batch, workspace, logits);
}

}  // namespace valence

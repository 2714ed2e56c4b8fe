/// \file
/// The attention patterns of architectures, over random biases and relative positions.
#pragma once

#include <cstdint>
#include <vector>

#include "valence/kernels/attention.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::bench {

/// A pattern as an architecture has it, for sequences of up to `max_seqlen` tokens.
class ArchitecturePattern {
 public:
  enum class Kind : std::uint8_t {
    kPlain,         ///< BERT
    kGroupedQuery,  ///< a third as many heads of keys and values
    kCausal,        ///< GPT-2
    kWindow,        ///< ModernBERT's local layers: 64 tokens on either side
    kBias,          ///< MPNet
    kDisentangled,  ///< DeBERTa-v3: 256 buckets on either side, half of them for a token each, the others logarithmic
  };

  ArchitecturePattern(Kind kind, kernels::AttentionShape shape, std::int64_t max_seqlen);

  [[nodiscard]] const char* label() const;
  [[nodiscard]] kernels::AttentionPattern view() const;

 private:
  Kind kind_;
  kernels::AttentionShape shape_;
  std::int64_t max_seqlen_;
  AlignedBuffer<float> bias_;
  AlignedBuffer<float> position_keys_;
  AlignedBuffer<float> position_queries_;
  std::vector<std::int32_t> distance_rows_;
};

}  // namespace valence::bench

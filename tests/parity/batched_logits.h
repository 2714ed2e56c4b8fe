/// \file
/// The logits of a golden's sequences from one packed ragged batch, as the engine runs them.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "support/model_goldens.h"
#include "valence/engine/batch_builder.h"
#include "valence/model/runner.h"

namespace valence::testing {

/// One sequence's after another.
inline std::vector<float> batched_logits(const EncoderRunner& runner, const std::vector<GoldenSequence>& sequences) {
  BatchBuilder builder;
  const bool has_types = runner.spec().encoder.type_vocab_size > 0;
  for (const auto& sequence : sequences) {
    builder.add(sequence.input_ids,
                has_types ? std::span<const std::int32_t>(sequence.token_type_ids) : std::span<const std::int32_t>());
  }
  const auto workspace = runner.make_workspace();
  const PackedBatch batch = builder.batch();
  std::vector<float> logits(static_cast<std::size_t>(runner.logit_rows(batch) * runner.spec().head.num_labels()));
  const Status ran = runner.run(batch, *workspace, logits);
  EXPECT_TRUE(ran.has_value()) << ran.error().to_string();
  return logits;
}

}  // namespace valence::testing

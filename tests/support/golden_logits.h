/// \file
/// The logits of a loaded model for the sequences of a golden, each run alone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/model_goldens.h"
#include "valence/model/model.h"
#include "valence/model/runner.h"

namespace valence::testing {

inline std::vector<float> logits_of(Model model, const std::vector<GoldenSequence>& sequences,
                                    Precision precision = Precision::kAuto) {
  const bool has_types = model.spec.encoder.type_vocab_size > 0;
  const auto runner = make_runner(std::move(model), {.precision = precision}).value();
  const auto workspace = runner->make_workspace();
  std::vector<float> all;
  for (const auto& sequence : sequences) {
    std::vector<std::int32_t> positions(sequence.input_ids.size());
    std::iota(positions.begin(), positions.end(), 0);
    const auto length = static_cast<std::int32_t>(sequence.input_ids.size());
    const std::vector<std::int32_t> cu_seqlens = {0, length};
    const std::span<const std::int32_t> types = sequence.token_type_ids;
    std::vector<float> logits(sequence.logits.size());
    const auto ran = runner->run({.input_ids = sequence.input_ids,
                                  .token_type_ids = has_types ? types : std::span<const std::int32_t>(),
                                  .position_ids = positions,
                                  .cu_seqlens = cu_seqlens,
                                  .max_seqlen = length},
                                 *workspace, logits);
    EXPECT_TRUE(ran.has_value());
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

/// The largest difference from the golden's logits, over the largest of them.
inline double relative_difference(const std::vector<float>& logits, const std::vector<GoldenSequence>& sequences) {
  double largest = 0;
  double difference = 0;
  std::size_t at = 0;
  for (const auto& sequence : sequences) {
    for (const float expected : sequence.logits) {
      largest = std::max(largest, static_cast<double>(std::abs(expected)));
      difference = std::max(difference, std::abs(static_cast<double>(expected) - logits[at++]));
    }
  }
  return difference / largest;
}

}  // namespace valence::testing

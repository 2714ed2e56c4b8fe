/// \file
/// How much memory a model needs and how fast it can be, by arithmetic alone: nothing is packed or run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "valence/engine/batch_planner.h"
#include "valence/kernels/encoder_kernels.h"
#include "valence/model/head_spec.h"
#include "valence/precision.h"

namespace valence::bench {

struct ParameterCount {
  std::int64_t embeddings = 0;  ///< word, position and token type tables
  std::int64_t linear = 0;      ///< matrices of the encoder layers: what a pass streams
  std::int64_t other = 0;       ///< biases, norms, the head

  [[nodiscard]] std::int64_t total() const { return embeddings + linear + other; }
};
[[nodiscard]] ParameterCount count_parameters(const ModelSpec& spec);

/// Bytes that one compute thread mutates for batches of `batch_tokens` tokens. `reduced` are the kernels of a precision
/// below f32, null for f32 itself.
[[nodiscard]] std::uint64_t workspace_bytes(const EncoderSpec& spec, const kernels::KernelTable& table,
                                            const kernels::EncoderKernels* reduced, std::size_t batch_tokens);

/// What an estimate is made for.
struct EstimateInput {
  Precision precision = Precision::kFp32;  ///< one of estimable_precisions()
  std::size_t threads = 1;
  std::size_t batch_tokens = kDefaultBatchTokens;  ///< what the classifier takes by itself
  bool embeddings_are_int8 = false;                ///< as stored; int8 makes them so, others hold f32
  double peak_gops = 0;                            ///< for this precision, all threads together; 0: unknown
  double read_gbs = 0;                             ///< of the weights by one thread, from where they lie; 0: unknown
};

/// A workload of standard_workloads(): one text on one thread, or a mix on all of them. Seconds are of all its texts.
struct SpeedEstimate {
  std::string workload;
  bool one_text = false;
  std::size_t texts = 0;
  std::size_t tokens = 0;
  double bound_seconds = 0;     ///< at the whole peak, or at the whole bandwidth if that takes longer
  double expected_seconds = 0;  ///< with the share of the peak that the kernels have been seen to reach
};

struct Estimate {
  Precision runs_in = Precision::kFp32;  ///< the precision asked for, or f32 where this machine has no kernels for it
  ParameterCount parameters;
  std::uint64_t weight_bytes = 0;     ///< encoder layers and head, packed
  std::uint64_t embedding_bytes = 0;  ///< tables; mapped ones count whole, though only rows that occur are read
  std::uint64_t workspace_bytes = 0;  ///< of all threads
  std::uint64_t total_bytes = 0;      ///< and the program itself
  double linear_flop_per_token = 0;
  double attention_flop_per_square = 0;  ///< times S x S for a text of S tokens
  std::vector<SpeedEstimate> speeds;
};

[[nodiscard]] Estimate estimate(const ModelSpec& spec, const kernels::KernelTable& table, const EstimateInput& input);

}  // namespace valence::bench

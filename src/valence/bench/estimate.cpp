#include "valence/bench/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/base/check.h"
#include "valence/bench/flop.h"
#include "valence/bench/workload.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/dispatch.h"

namespace valence::bench {
namespace {

// The program, its heap and a tokenizer of 30,000 words, seen as resident set with a tiny model (docs/performance.md).
constexpr std::uint64_t kProgramBytes = 14'500'000;
// Texts of a mix: enough for the mean length to settle.
constexpr std::size_t kMixTexts = 1000;
// Rows of a feed-forward chunk in f32 (model/cpu_backend.cpp).
constexpr std::int64_t kFfnBlockRows = 128;

/// The share of the peak that whole texts have been seen to reach (docs/bench.md says where).
double reached_share(Precision precision) { return precision == Precision::kFp32 ? 0.75 : 0.6; }

double bytes_per_weight(Precision precision) {
  switch (precision) {
    case Precision::kInt8:
      return 1;
    case Precision::kFp16:
    case Precision::kBf16:
      return 2;
    case Precision::kAuto:
    case Precision::kFp32:
      return 4;
  }
  return 4;
}

std::int64_t linear_outputs(const EncoderSpec& spec) {  // of one layer: as many biases, or scales
  return spec.query_size() + 2 * spec.key_value_size() + 2 * spec.hidden_size +
         (spec.gated ? 2 : 1) * spec.intermediate_size;
}

std::int64_t distinct_layers(const EncoderSpec& spec) {
  return spec.layer_groups > 0 ? spec.layer_groups * spec.layers_in_group : spec.num_hidden_layers;
}

std::int64_t table_rows(const EncoderSpec& spec) {
  return spec.vocab_size + (spec.has_position_table ? spec.max_position_embeddings : 0) + spec.type_vocab_size;
}

double slower(double gflop, double gops, double bytes, double gbs) {
  const double compute = gops > 0 ? gflop / gops : 0;
  const double stream = gbs > 0 ? bytes / 1e9 / gbs : 0;
  return std::max(compute, stream);
}

}  // namespace

ParameterCount count_parameters(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  const std::int64_t hidden = encoder.hidden_size;
  const std::int64_t norm = 2 * hidden;
  ParameterCount count;
  count.embeddings = table_rows(encoder) * encoder.table_width();
  count.linear = distinct_layers(encoder) * layer_parameters(encoder);
  const std::int64_t dense = spec.head.has_dense ? hidden * hidden + hidden : 0;
  const std::int64_t head = dense + spec.head.num_labels() * (hidden + 1);
  const std::int64_t projection = encoder.embedding_size > 0 ? hidden * (encoder.embedding_size + 1) : 0;
  count.other = norm + projection + distinct_layers(encoder) * (linear_outputs(encoder) + 2 * norm) + head;
  return count;
}

std::uint64_t workspace_bytes(const EncoderSpec& spec, const kernels::KernelTable& table,
                              const kernels::EncoderKernels* reduced, std::size_t batch_tokens) {
  const auto tokens = static_cast<std::int64_t>(batch_tokens);
  const std::int64_t hidden = spec.hidden_size;
  const std::int64_t longest = std::min(tokens, spec.max_sequence_length());
  constexpr std::int64_t kFloat = sizeof(float);
  if (reduced == nullptr) {
    // Hidden states, q|k|v, attention's output; a chunk of the feed-forward; attention's scratch.
    const kernels::AttentionShape shape{.num_heads = spec.num_attention_heads, .head_dim = spec.head_size()};
    return static_cast<std::uint64_t>(kFloat * (5 * tokens * hidden + kFfnBlockRows * spec.intermediate_size +
                                                kernels::self_attention_scratch_floats(table, shape, longest)));
  }
  // Hidden states in f32; they and attention's output as operands; q|k|v of a chunk and its last sequence, and
  // attention's output of the same rows, staged; a chunk of the feed-forward, staged and as an operand, and of what
  // goes to the hidden states; attention's scratch.
  const auto staged_bytes = [&](std::int64_t rows, std::int64_t width) {
    return std::min(rows, tokens) * kernels::staging_stride(*reduced, width) * reduced->staging_element_bytes;
  };
  const std::int64_t wide = spec.gated ? 2 * spec.intermediate_size : spec.intermediate_size;
  const std::int64_t wide_rows = std::min(tokens, kernels::chunk_rows(*reduced, wide));
  return static_cast<std::uint64_t>(tokens * hidden * kFloat + 2 * reduced->operand_bytes(tokens, hidden) +
                                    staged_bytes(kernels::chunk_rows(*reduced, 3 * hidden) + longest, 4 * hidden) +
                                    staged_bytes(wide_rows, wide) +
                                    reduced->operand_bytes(wide_rows, spec.intermediate_size) +
                                    staged_bytes(kernels::chunk_rows(*reduced, hidden), hidden) +
                                    reduced->attention_scratch_bytes(longest, spec.head_size()));
}

Estimate estimate(const ModelSpec& spec, const kernels::KernelTable& table, const EstimateInput& input) {
  VALENCE_ASSERT(input.threads >= 1, "options are validated before");
  const EncoderSpec& encoder = spec.encoder;
  const kernels::EncoderKernels* const reduced = kernels::encoder_kernels(table, input.precision);
  Estimate e;
  e.runs_in = reduced == nullptr ? Precision::kFp32 : input.precision;
  e.parameters = count_parameters(spec);
  e.linear_flop_per_token = linear_flop_per_token(encoder);
  e.attention_flop_per_square = attention_flop_per_square(encoder);
  const double scales =
      e.runs_in == Precision::kInt8 ? 4.0 * static_cast<double>(distinct_layers(encoder) * linear_outputs(encoder)) : 0;
  e.weight_bytes = static_cast<std::uint64_t>(bytes_per_weight(e.runs_in) * static_cast<double>(e.parameters.linear) +
                                              scales + 4.0 * static_cast<double>(e.parameters.other));
  const bool int8_tables = (reduced != nullptr && reduced->quantized) || input.embeddings_are_int8;
  e.embedding_bytes = static_cast<std::uint64_t>(int8_tables ? e.parameters.embeddings + 4 * table_rows(encoder)
                                                             : 4 * e.parameters.embeddings);
  e.workspace_bytes = input.threads * workspace_bytes(encoder, table, reduced, input.batch_tokens);
  e.total_bytes = e.weight_bytes + e.embedding_bytes + e.workspace_bytes + kProgramBytes;

  const double share = reached_share(e.runs_in);
  const auto streamed = static_cast<double>(e.weight_bytes);
  const auto longest = static_cast<std::uint32_t>(encoder.max_sequence_length());
  if (input.peak_gops > 0) {
    for (const std::uint32_t wanted : {16U, 128U}) {
      const std::uint32_t length = std::min(wanted, longest);
      const double gflop = done_flop(encoder, std::vector<std::uint32_t>{length}) / 1e9;
      const double gops = input.peak_gops / static_cast<double>(input.threads);
      e.speeds.push_back({fmt::format("one text of {} tokens, 1 thread", length), true, 1, length,
                          slower(gflop, gops, streamed, input.read_gbs),
                          slower(gflop, gops * share, streamed, input.read_gbs)});
    }
    for (const LengthMix& mix : {kShortTexts, kLongTexts}) {
      const auto lengths = seeded_lengths(mix, kMixTexts, longest);
      std::size_t tokens = 0;
      for (const std::uint32_t length : lengths) tokens += length;
      const double gflop = done_flop(encoder, lengths) / 1e9;
      const double passes = std::ceil(static_cast<double>(tokens) / static_cast<double>(input.batch_tokens));
      // The threads read beside each other. What memory they share gives them all together is not asked: a bound stays
      // one.
      const double streamed_by_one = streamed * passes / std::min(passes, static_cast<double>(input.threads));
      e.speeds.push_back({fmt::format("texts {}", mix.name), false, lengths.size(), tokens,
                          slower(gflop, input.peak_gops, streamed_by_one, input.read_gbs),
                          slower(gflop, input.peak_gops * share, streamed_by_one, input.read_gbs)});
    }
  }
  return e;
}

}  // namespace valence::bench

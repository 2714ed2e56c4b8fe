#include "valence/bench/estimate.h"

#include <gtest/gtest.h>

#include "support/random_checkpoint.h"
#include "support/temporary_directory.h"
#include "valence/base/json.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/config.h"
#include "valence/model/model.h"

namespace valence::bench {
namespace {

constexpr std::string_view kDistilbert = R"({
  "model_type": "distilbert", "architectures": ["DistilBertForSequenceClassification"],
  "vocab_size": 30522, "dim": 768, "hidden_dim": 3072, "n_layers": 6, "n_heads": 12, "max_position_embeddings": 512,
  "activation": "gelu", "id2label": {"0": "NEGATIVE", "1": "POSITIVE"}})";

ModelSpec distilbert() { return parse_config(Json::parse(kDistilbert, "config.json").value()).value(); }

const kernels::KernelTable& portable() { return **kernels::kernel_table(kernels::Isa::kPortable); }

TEST(Estimate, CountsTheParametersOfDistilbert) {
  const ParameterCount count = count_parameters(distilbert());
  EXPECT_EQ(count.embeddings, (30522 + 512) * 768);
  EXPECT_EQ(count.linear, 6 * (4 * 768 * 768 + 2 * 768 * 3072));
  // transformers: sum(p.numel() for p in DistilBertForSequenceClassification(config).parameters()) = 66,955,010.
  EXPECT_EQ(count.total(), 66'955'010);
}

TEST(Estimate, CountsEveryParameterOfARandomCheckpoint) {
  for (const auto& checkpoint : {testing::random_bert(), testing::random_distilbert()}) {
    const testing::TemporaryDirectory folder;
    testing::write_checkpoint(checkpoint, folder.path());
    const auto model = load_model(folder.path());
    ASSERT_TRUE(model.has_value());
    std::int64_t elements = 0;
    for (const auto& tensor : checkpoint.tensors) {
      std::int64_t size = 1;
      for (const std::int64_t extent : tensor.shape) size *= extent;
      elements += size;
    }
    EXPECT_EQ(count_parameters(model->spec).total(), elements) << model->spec.model_type;
  }
}

TEST(Estimate, WeightsTakeTheBytesOfTheirPrecision) {
  const ModelSpec spec = distilbert();
  const ParameterCount count = count_parameters(spec);
  const auto fp32 = estimate(spec, portable(), {.precision = Precision::kFp32});
  EXPECT_EQ(fp32.weight_bytes, static_cast<std::uint64_t>(4 * (count.linear + count.other)));
  EXPECT_EQ(fp32.embedding_bytes, static_cast<std::uint64_t>(4 * count.embeddings));
  // int8: a byte a weight, and an f32 scale for each of the 5 x 768 + 3072 outputs of 6 layers.
  const auto int8 = estimate(spec, portable(), {.precision = Precision::kInt8});
  EXPECT_EQ(int8.weight_bytes, static_cast<std::uint64_t>(count.linear + 4 * count.other + 4 * 6 * 6912));
  // Tables are held in int8 as well, with a scale a row.
  EXPECT_EQ(int8.embedding_bytes, static_cast<std::uint64_t>(count.embeddings + 4 * (30522 + 512)));
  EXPECT_EQ(int8.runs_in, Precision::kInt8);
}

TEST(Estimate, PrecisionWithoutKernelsIsTakenAsFp32) {
  const auto fp32 = estimate(distilbert(), portable(), {.precision = Precision::kFp32});
  const auto fp16 = estimate(distilbert(), portable(), {.precision = Precision::kFp16});
  EXPECT_EQ(fp16.runs_in, Precision::kFp32);
  EXPECT_EQ(fp16.total_bytes, fp32.total_bytes);
}

TEST(Estimate, WorkspaceGrowsWithThreadsAndBatch) {
  const ModelSpec spec = distilbert();
  const auto one = estimate(spec, portable(), {.threads = 1});
  EXPECT_EQ(estimate(spec, portable(), {.threads = 3}).workspace_bytes, 3 * one.workspace_bytes);
  // Five rows of 768 floats a token in f32.
  EXPECT_EQ(workspace_bytes(spec.encoder, portable(), nullptr, 2048) -
                workspace_bytes(spec.encoder, portable(), nullptr, 1024),
            1024U * 5 * 768 * 4);
}

TEST(Estimate, WorkspaceOfAReducedPrecisionHoldsChunksWhateverTheBatch) {
  const ModelSpec spec = distilbert();
  const kernels::EncoderKernels& int8 = *portable().int8;
  // Beyond a chunk only the hidden states in f32 and two operands grow with the batch.
  EXPECT_EQ(
      workspace_bytes(spec.encoder, portable(), &int8, 4096) - workspace_bytes(spec.encoder, portable(), &int8, 2048),
      static_cast<std::uint64_t>(2048 * 768 * 4 + 2 * (int8.operand_bytes(4096, 768) - int8.operand_bytes(2048, 768))));
}

TEST(Estimate, ShortTextIsBoundByReadingTheWeights) {
  // 1e9 Gop/s: the arithmetic takes no time. fp32 weights at 10 GB/s.
  const auto e = estimate(distilbert(), portable(), {.peak_gops = 1e9, .read_gbs = 10});
  ASSERT_EQ(e.speeds.size(), 4U);
  EXPECT_DOUBLE_EQ(e.speeds[0].bound_seconds, static_cast<double>(e.weight_bytes) / 1e10);
  EXPECT_DOUBLE_EQ(e.speeds[0].expected_seconds, e.speeds[0].bound_seconds);
}

TEST(Estimate, LongTextIsBoundByArithmetic) {
  // One text of 128 tokens, five whole layers and the last one's keys, values and first row:
  // 5 x (14,155,776 x 128 + 3072 x 128 x 128) + 2,359,296 x 128 + 11,796,480 + 3072 x 128 flop.
  constexpr double kFlop =
      5.0 * (14'155'776.0 * 128 + 3072.0 * 128 * 128) + 2'359'296.0 * 128 + 11'796'480 + 3072 * 128;
  const auto e = estimate(distilbert(), portable(), {.peak_gops = 100, .read_gbs = 1e6});
  EXPECT_EQ(e.speeds[1].tokens, 128U);
  EXPECT_NEAR(e.speeds[1].bound_seconds, kFlop / 1e11, 1e-12);
  EXPECT_GT(e.speeds[1].expected_seconds, e.speeds[1].bound_seconds);
}

// A mix that is bound by reading the weights takes a quarter of the time with four threads that read.
TEST(Estimate, ThreadsReadBesideEachOther) {
  const auto one = estimate(distilbert(), portable(), {.threads = 1, .peak_gops = 1e9, .read_gbs = 10});
  const auto many = estimate(distilbert(), portable(), {.threads = 4, .peak_gops = 1e9, .read_gbs = 10});
  for (const std::size_t mix : {2U, 3U}) {
    EXPECT_DOUBLE_EQ(many.speeds[mix].bound_seconds, one.speeds[mix].bound_seconds / 4);
  }
}

TEST(Estimate, UnknownPeakGivesNoSpeed) { EXPECT_TRUE(estimate(distilbert(), portable(), {}).speeds.empty()); }

}  // namespace
}  // namespace valence::bench

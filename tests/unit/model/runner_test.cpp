#include "valence/model/runner.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "support/random_checkpoint.h"
#include "support/temporary_directory.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/cpu_backend.h"
#include "valence/model/encoder.h"

namespace valence {
namespace {

/// Sequences laid end to end by hand, so that the test does not lean on the engine's builder.
struct Batch {
  std::vector<std::int32_t> ids, types, positions, cu_seqlens{0};
  std::int32_t longest = 0;

  void add(const std::vector<std::int32_t>& sequence) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    types.resize(ids.size(), 0);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(sequence.size()); ++i) positions.push_back(i);
    cu_seqlens.push_back(static_cast<std::int32_t>(ids.size()));
    longest = std::max(longest, static_cast<std::int32_t>(sequence.size()));
  }
  [[nodiscard]] PackedBatch view() const {
    return {.input_ids = ids,
            .token_type_ids = types,
            .position_ids = positions,
            .cu_seqlens = cu_seqlens,
            .max_seqlen = longest};
  }
};

class Runner : public ::testing::Test {
 protected:
  Runner() {
    testing::EncoderShape shape;
    shape.vocab_size = 50;
    shape.hidden_size = 48;
    shape.num_attention_heads = 3;
    shape.intermediate_size = 80;
    shape.max_position_embeddings = 600;
    shape.num_hidden_layers = 3;
    testing::write_checkpoint(testing::random_bert(shape), folder_.path());
    auto model = load_model(folder_.path());
    EXPECT_TRUE(model.has_value());
    model_ = std::make_unique<Model>(std::move(*model));
  }
  [[nodiscard]] std::unique_ptr<EncoderRunner> runner() const {
    return make_runner(load_model(folder_.path()).value()).value();
  }

  testing::TemporaryDirectory folder_;
  std::unique_ptr<Model> model_;
};

std::vector<std::int32_t> random_sequence(std::size_t length, std::mt19937& random) {
  std::vector<std::int32_t> sequence(length);
  for (auto& id : sequence) id = static_cast<std::int32_t>(random() % 50);
  return sequence;
}

TEST_F(Runner, SequencesLogitsAreBitEqualAloneAndInAnyBatchOnEveryIsa) {
  std::mt19937 random(3);
  std::vector<std::vector<std::int32_t>> sequences;
  for (const std::size_t length : {1, 2, 7, 16, 17, 63, 64, 65, 200, 513, 3}) {
    sequences.push_back(random_sequence(length, random));
  }
  for (const kernels::Isa isa : kernels::runnable_isas()) {
    const auto backend = CpuBackend::pack(*model_, *kernels::kernel_table(isa).value());
    ASSERT_TRUE(backend.has_value());
    CpuBackend::Workspace workspace;
    Batch all;
    for (const auto& sequence : sequences) all.add(sequence);
    std::vector<float> together(sequences.size() * 2);
    forward(*backend, all.view(), workspace, together);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      Batch one;
      one.add(sequences[i]);
      std::vector<float> alone(2);
      forward(*backend, one.view(), workspace, alone);
      EXPECT_EQ(alone[0], together[2 * i]) << "sequence " << i << " on " << kernels::name(isa);
      EXPECT_EQ(alone[1], together[2 * i + 1]) << "sequence " << i << " on " << kernels::name(isa);
    }
  }
}

TEST_F(Runner, IdsOutsideTheTablesAreRefusedBeforeAnyIsRead) {
  const auto running = runner();
  const auto workspace = running->make_workspace();
  std::vector<float> logits(2);
  for (const std::int32_t bad : {-1, 50, 2'000'000'000}) {
    Batch batch;
    batch.add({1, bad});
    EXPECT_FALSE(running->run(batch.view(), *workspace, logits).has_value()) << bad;
  }
  Batch long_one;
  long_one.add(std::vector<std::int32_t>(601, 1));
  EXPECT_FALSE(running->run(long_one.view(), *workspace, logits).has_value());
}

TEST_F(Runner, EmptySequenceIsAnErrorAndAnEmptyBatchNothing) {
  const auto running = runner();
  const auto workspace = running->make_workspace();
  std::vector<float> logits(2);
  Batch batch;
  batch.add({});
  EXPECT_FALSE(running->run(batch.view(), *workspace, logits).has_value());
  EXPECT_TRUE(running->run(Batch().view(), *workspace, {}).has_value());
}

TEST_F(Runner, WorkspaceCanBeUsedAgainForLargerAndSmallerBatches) {
  const auto running = runner();
  const auto workspace = running->make_workspace();
  const auto fresh = running->make_workspace();
  std::mt19937 random(5);
  Batch small, large;
  small.add(random_sequence(5, random));
  large.add(random_sequence(300, random));
  std::vector<float> first(2), again(2), ignored(2);
  ASSERT_TRUE(running->run(small.view(), *fresh, first).has_value());
  ASSERT_TRUE(running->run(large.view(), *workspace, ignored).has_value());
  ASSERT_TRUE(running->run(small.view(), *workspace, again).has_value());
  EXPECT_EQ(first, again);
}

}  // namespace
}  // namespace valence

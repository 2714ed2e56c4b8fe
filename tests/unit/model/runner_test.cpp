#include "valence/model/runner.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "support/kernel_tables.h"
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
  [[nodiscard]] std::unique_ptr<EncoderRunner> runner(const RunnerOptions& options = {}) const {
    return make_runner(load_model(folder_.path()).value(), options).value();
  }

  testing::TemporaryDirectory folder_;
  std::unique_ptr<Model> model_;
};

std::vector<std::int32_t> random_sequence(std::size_t length, std::mt19937& random) {
  std::vector<std::int32_t> sequence(length);
  for (auto& id : sequence) id = static_cast<std::int32_t>(random() % 50);
  return sequence;
}

std::vector<std::vector<std::int32_t>> sequences_of_many_lengths() {
  std::mt19937 random(3);
  std::vector<std::vector<std::int32_t>> sequences;
  for (const std::size_t length : {1, 2, 7, 16, 17, 63, 64, 65, 200, 513, 3}) {
    sequences.push_back(random_sequence(length, random));
  }
  return sequences;
}

/// Logits of the sequences in one batch.
std::vector<float> run_together(const EncoderRunner& running, const std::vector<std::vector<std::int32_t>>& sequences) {
  const auto workspace = running.make_workspace();
  Batch all;
  for (const auto& sequence : sequences) all.add(sequence);
  std::vector<float> logits(sequences.size() * 2);
  EXPECT_TRUE(running.run(all.view(), *workspace, logits).has_value());
  return logits;
}

TEST_F(Runner, SequencesLogitsAreBitEqualAloneAndInAnyBatchOnEveryIsaAndPrecision) {
  const auto sequences = sequences_of_many_lengths();
  for (const auto& [table, emulated] : tested_kernels()) {
    const kernels::Isa isa = table.isa;
    for (const Precision precision : {Precision::kFp32, Precision::kInt8, Precision::kBf16, Precision::kFp16}) {
      const auto running = runner({.precision = precision, .kernels = &table});
      const auto together = run_together(*running, sequences);
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        const auto alone = run_together(*running, {sequences[i]});
        EXPECT_EQ(alone[0], together[2 * i]) << i << " on " << kernels::name(isa) << " in " << name(precision);
        EXPECT_EQ(alone[1], together[2 * i + 1]) << i << " on " << kernels::name(isa) << " in " << name(precision);
      }
    }
  }
}

// The bound on scores; logits of this model lie within 1 of each other, so theirs is no wider.
TEST_F(Runner, Int8LogitsAgreeOnEveryIsa) {
  const auto sequences = sequences_of_many_lengths();
  const auto portable = run_together(
      *runner({.precision = Precision::kInt8, .kernels = *kernels::kernel_table(kernels::Isa::kPortable)}), sequences);
  for (const auto& [table, emulated] : tested_kernels()) {
    const auto logits = run_together(*runner({.precision = Precision::kInt8, .kernels = &table}), sequences);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      EXPECT_NEAR(logits[i], portable[i], 1e-2) << kernels::name(table.isa);
    }
  }
}

/// Large enough for a team to be worth it.
void write_team_model(std::int64_t heads, std::int64_t layers, const std::filesystem::path& folder) {
  testing::EncoderShape shape;
  shape.vocab_size = 50;
  shape.hidden_size = 384;
  shape.num_attention_heads = heads;
  shape.intermediate_size = 1536;
  shape.max_position_embeddings = 600;
  shape.num_hidden_layers = layers;
  testing::write_checkpoint(testing::random_bert(shape), folder);
}

// head_dim 48 lets the heads of two threads share a line of 32 elements.
TEST(RunnerTeam, GivesTheSameBitsInEveryReducedPrecision) {
  testing::TemporaryDirectory folder;
  write_team_model(8, 2, folder.path());
  std::mt19937 random(9);
  Batch batch;
  for (const std::size_t length : {60, 33}) batch.add(random_sequence(length, random));
  for (const auto& [table, emulated] : tested_kernels()) {
    for (const Precision precision : {Precision::kInt8, Precision::kFp16, Precision::kBf16}) {
      const auto running =
          make_runner(load_model(folder.path()).value(), {.precision = precision, .kernels = &table}).value();
      if (running->precision() != precision) continue;
      const auto workspace = running->make_workspace();
      std::vector<float> alone(4), together(4);
      ASSERT_TRUE(running->run(batch.view(), *workspace, alone).has_value());
      ThreadPool pool(3);
      ASSERT_TRUE(running->run_together(batch.view(), *workspace, together, pool).has_value());
      EXPECT_EQ(alone, together) << kernels::name(table.isa) << " in " << name(precision);
    }
  }
}

// Batches short and long enough for both ways to divide.
TEST(RunnerTeam, GivesTheSameBitsAsOneThread) {
  testing::TemporaryDirectory folder;
  write_team_model(3, 3, folder.path());
  std::mt19937 random(9);
  for (const auto& [table, emulated] : tested_kernels()) {
    for (const std::vector<std::int64_t>& fp32_layers : {std::vector<std::int64_t>{}, {1}, {2}}) {
      if (emulated && !fp32_layers.empty()) continue;
      const auto made = make_runner(load_model(folder.path()).value(),
                                    {.precision = Precision::kInt8, .fp32_layers = fp32_layers, .kernels = &table});
      const EncoderRunner& running = **made;
      for (const std::vector<std::size_t>& lengths : std::vector<std::vector<std::size_t>>{{50}, {300}, {40, 1, 70}}) {
        if (emulated && lengths.front() > 100) continue;
        Batch batch;
        for (const std::size_t length : lengths) batch.add(random_sequence(length, random));
        const auto workspace = running.make_workspace();
        std::vector<float> alone(lengths.size() * 2), together(lengths.size() * 2);
        ASSERT_TRUE(running.run(batch.view(), *workspace, alone).has_value());
        for (const std::size_t threads : {2U, 3U, 5U}) {
          ThreadPool pool(threads);
          ASSERT_TRUE(running.run_together(batch.view(), *workspace, together, pool).has_value());
          EXPECT_EQ(alone, together) << kernels::name(table.isa) << ", " << threads << " threads";
        }
      }
    }
  }
}

TEST_F(Runner, PrecisionIsTheModelsOwnUnlessAskedFor) {
  EXPECT_EQ(runner()->precision(), Precision::kFp32);
  EXPECT_EQ(runner({.precision = Precision::kInt8})->precision(), Precision::kInt8);
  EXPECT_EQ(runner({.precision = Precision::kInt8, .fp32_layers = {0, 1, 2}})->precision(), Precision::kFp32);

  testing::TemporaryDirectory folder;
  auto stored = testing::random_bert();
  stored.format = testing::WeightFormat::kI8;
  testing::write_checkpoint(stored, folder.path());
  EXPECT_EQ((*make_runner(load_model(folder.path()).value()))->precision(), Precision::kInt8);
  EXPECT_EQ((*make_runner(load_model(folder.path()).value(), {.precision = Precision::kFp32}))->precision(),
            Precision::kFp32);
}

TEST_F(Runner, LayersKeptInFp32BringTheAnswersBack) {
  const auto sequences = sequences_of_many_lengths();
  const auto fp32 = run_together(*runner({.precision = Precision::kFp32}), sequences);
  const auto error = [&](std::vector<std::int64_t> fp32_layers) {
    const auto logits =
        run_together(*runner({.precision = Precision::kInt8, .fp32_layers = std::move(fp32_layers)}), sequences);
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) sum += std::abs(double{logits[i]} - double{fp32[i]});
    return sum;
  };
  EXPECT_EQ(error({0, 1, 2}), 0.0);
  EXPECT_GT(error({}), 0.0);
  // How near the others come is chance in a model of this size; quantize_test.py has one that a single layer spoils.
  EXPECT_NE(error({0, 1}), error({}));
}

TEST_F(Runner, LayerThatIsNotThereCannotBeKept) {
  const auto made = make_runner(load_model(folder_.path()).value(), {.fp32_layers = {3}});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
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

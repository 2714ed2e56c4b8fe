// Our logits against those that transformers computed in f32 (tools/make_model_goldens.py), on every ISA this CPU runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/engine/batch_builder.h"
#include "valence/engine/default_model.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/cpu_backend.h"
#include "valence/model/encoder.h"

namespace valence {
namespace {

using testing::ModelGolden;

// The project's promise: largest difference of any logit over the largest absolute logit of the golden.
constexpr double kF32RelativeParity = 5e-5;

/// [sequences, num_labels] from one packed ragged batch, as the engine runs it.
std::vector<float> logits_of(const Model& model, const ModelGolden& golden, const kernels::KernelTable& kernels) {
  const auto backend =
      CpuBackend::pack(model, kernels, {.layers = std::vector<bool>(model.weights.layers.size(), true)});
  EXPECT_TRUE(backend.has_value());
  BatchBuilder builder;
  const bool has_types = model.spec.encoder.type_vocab_size > 0;
  for (const auto& sequence : golden.sequences) {
    builder.add(sequence.input_ids,
                has_types ? std::span<const std::int32_t>(sequence.token_type_ids) : std::span<const std::int32_t>());
  }
  CpuBackend::Workspace workspace;
  std::vector<float> logits(golden.sequences.size() * static_cast<std::size_t>(model.spec.head.num_labels()));
  forward(*backend, builder.batch(), workspace, logits);
  return logits;
}

/// Compares on every ISA this CPU runs; `model` is what the golden was recorded from.
void expect_reference_logits(const Model& model, const ModelGolden& golden) {
  const auto num_labels = static_cast<std::size_t>(model.spec.head.num_labels());
  for (const kernels::Isa isa : kernels::runnable_isas()) {
    const auto logits = logits_of(model, golden, *kernels::kernel_table(isa).value());
    double largest = 0;
    double difference = 0;
    for (std::size_t i = 0; i < golden.sequences.size(); ++i) {
      const auto& expected = golden.sequences[i].logits;
      const auto ours = std::span(logits).subspan(i * num_labels, num_labels);
      ASSERT_EQ(expected.size(), num_labels);
      for (std::size_t label = 0; label < num_labels; ++label) {
        largest = std::max(largest, std::abs(static_cast<double>(expected[label])));
        difference = std::max(difference, std::abs(static_cast<double>(expected[label]) - ours[label]));
      }
      EXPECT_EQ(std::max_element(expected.begin(), expected.end()) - expected.begin(),
                std::max_element(ours.begin(), ours.end()) - ours.begin())
          << "label of sequence " << i << " on " << kernels::name(isa);
    }
    EXPECT_LE(difference, kF32RelativeParity * largest) << "on " << kernels::name(isa);
    std::cout << golden.name << " on " << kernels::name(isa) << ": " << difference / largest << '\n';
  }
}

std::vector<std::filesystem::path> random_weight_goldens() {
  auto files = testing::model_golden_files();
  std::erase_if(files, [](const auto& file) { return file.stem() == "default_model"; });
  return files;
}

class LogitsParity : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(LogitsParity, EveryIsaGivesTheReferencesLogitsAndLabels) {
  const auto golden = testing::load_model_golden(GetParam());
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  const testing::TemporaryDirectory folder;
  testing::write_checkpoint(golden->checkpoint, folder.path());
  const auto model = load_model(folder.path());
  ASSERT_TRUE(model.has_value()) << model.error().to_string();
  expect_reference_logits(*model, *golden);
}

TEST(DefaultModelParity, StoredInt8WeightsGiveTheLogitsOfTheirF32CopyInTheReference) {
  const auto golden =
      testing::load_model_golden(std::filesystem::path(VALENCE_TESTS_DIR) / "parity/data/model/default_model.json");
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  const auto model = load_model(default_model().config_json, default_model().weights, "built-in model");
  ASSERT_TRUE(model.has_value()) << model.error().to_string();
  expect_reference_logits(*model, *golden);
}

INSTANTIATE_TEST_SUITE_P(Golden, LogitsParity, ::testing::ValuesIn(random_weight_goldens()),
                         [](const auto& each) { return each.param.stem().string(); });

}  // namespace
}  // namespace valence

// Our logits against those that transformers computed in f32 (tools/make_model_goldens.py), on every ISA this CPU runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "parity/batched_logits.h"
#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/engine/default_model.h"
#include "valence/kernels/dispatch.h"
#include "valence/model/runner.h"

namespace valence {
namespace {

using testing::ModelGolden;

// The project's promise: largest difference of any logit over the largest absolute logit of the golden.
constexpr double kF32RelativeParity = 5e-5;

std::int64_t greatest_index(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

/// Compares on every ISA this CPU runs; `load` gives what the golden was recorded from.
template <class Load>
void expect_reference_logits(Load load, const ModelGolden& golden) {
  for (const kernels::Isa isa : kernels::runnable_isas()) {
    Result<Model> model = load();
    ASSERT_TRUE(model.has_value()) << model.error().to_string();
    const auto num_labels = static_cast<std::size_t>(model->spec.head.num_labels());
    const auto runner =
        make_runner(std::move(*model), {.precision = Precision::kFp32, .kernels = kernels::kernel_table(isa).value()});
    ASSERT_TRUE(runner.has_value()) << runner.error().to_string();
    const auto logits = testing::batched_logits(**runner, golden.sequences);
    double largest = 0;
    double difference = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < golden.sequences.size(); ++i) {
      const std::span<const float> expected = golden.sequences[i].logits;
      ASSERT_LE(next + expected.size(), logits.size());
      const auto ours = std::span(logits).subspan(next, expected.size());
      next += expected.size();
      for (std::size_t j = 0; j < expected.size(); ++j) {
        largest = std::max(largest, std::abs(static_cast<double>(expected[j])));
        difference = std::max(difference, std::abs(static_cast<double>(expected[j]) - ours[j]));
      }
      for (std::size_t row = 0; row < expected.size(); row += num_labels) {
        EXPECT_EQ(greatest_index(expected.subspan(row, num_labels)), greatest_index(ours.subspan(row, num_labels)))
            << "label of sequence " << i << " on " << kernels::name(isa);
      }
    }
    EXPECT_EQ(next, logits.size());
    // What the reference itself loses in f32 cannot be asked of anyone else.
    EXPECT_LE(difference, std::max(kF32RelativeParity, 2 * golden.reference_noise) * largest)
        << "on " << kernels::name(isa);
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
  expect_reference_logits([&] { return load_model(folder.path()); }, *golden);
}

TEST(DefaultModelParity, StoredInt8WeightsGiveTheLogitsOfTheirF32CopyInTheReference) {
  const auto golden =
      testing::load_model_golden(std::filesystem::path(VALENCE_TESTS_DIR) / "parity/data/model/default_model.json");
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  expect_reference_logits(
      [] { return load_model(default_model().config_json, default_model().weights, "built-in model"); }, *golden);
}

INSTANTIATE_TEST_SUITE_P(Golden, LogitsParity, ::testing::ValuesIn(random_weight_goldens()),
                         [](const auto& each) { return each.param.stem().string(); });

}  // namespace
}  // namespace valence

// Every architecture in every precision and on every kernel table: near the reference's logits, and the same bits alone
// as in a batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "parity/batched_logits.h"
#include "support/golden_logits.h"
#include "support/kernel_tables.h"
#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/model/runner.h"

namespace valence {
namespace {

using testing::batched_logits;
using testing::GoldenSequence;

// Sequences longer than this add time and no code path: chunks end at a few dozen rows in models so narrow.
constexpr std::size_t kLongest = 140;
constexpr std::size_t kLongestEmulated = 20;

/// Of the largest reference logit. Weights of random values have no outliers: this is what rounding costs.
double tolerance(Precision precision) {
  switch (precision) {
    case Precision::kInt8:
      return 0.08;
    case Precision::kBf16:
      return 0.04;
    case Precision::kFp16:
      return 0.01;
    case Precision::kFp32:
    case Precision::kAuto:
      break;
  }
  return 5e-5;
}

class Architectures : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Architectures, EveryPrecisionIsNearTheReferenceAndTheSameBitsAloneAsInABatch) {
  const auto golden = testing::load_model_golden(GetParam());
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  const testing::TemporaryDirectory folder;
  testing::write_checkpoint(golden->checkpoint, folder.path());
  for (const auto& [table, emulated] : tested_kernels()) {
    std::vector<GoldenSequence> sequences = golden->sequences;
    std::erase_if(sequences, [longest = emulated ? kLongestEmulated : kLongest](const GoldenSequence& sequence) {
      return sequence.input_ids.size() > longest;
    });
    for (const Precision precision : {Precision::kFp32, Precision::kInt8, Precision::kFp16, Precision::kBf16}) {
      const auto runner = make_runner(load_model(folder.path()).value(), {.precision = precision, .kernels = &table});
      ASSERT_TRUE(runner.has_value()) << runner.error().to_string();
      if ((*runner)->precision() != precision) continue;
      const auto together = batched_logits(**runner, sequences);
      double largest = 0;
      double difference = 0;
      std::size_t next = 0;
      for (const GoldenSequence& sequence : sequences) {
        const auto alone = batched_logits(**runner, {sequence});
        ASSERT_EQ(alone.size(), sequence.logits.size());
        for (std::size_t i = 0; i < alone.size(); ++i) {
          EXPECT_EQ(alone[i], together[next + i])
              << golden->name << " on " << kernels::name(table.isa) << " in " << name(precision);
          largest = std::max(largest, std::abs(static_cast<double>(sequence.logits[i])));
          difference = std::max(difference, std::abs(static_cast<double>(sequence.logits[i]) - alone[i]));
        }
        next += alone.size();
      }
      EXPECT_LE(difference, tolerance(precision) * largest)
          << golden->name << " on " << kernels::name(table.isa) << " in " << name(precision);
      std::cout << golden->name << " on " << kernels::name(table.isa) << " in " << name(precision) << ": "
                << difference / largest << '\n';
    }
  }
}

// What one block hands to the next differs where a layer runs in f32: the operand is made again, from the hidden states
// or from their norm.
TEST_P(Architectures, SingleLayersInF32StayNearTheReference) {
  const auto golden = testing::load_model_golden(GetParam());
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  const testing::TemporaryDirectory folder;
  testing::write_checkpoint(golden->checkpoint, folder.path());
  std::vector<GoldenSequence> sequences = golden->sequences;
  std::erase_if(sequences, [](const GoldenSequence& sequence) { return sequence.input_ids.size() > kLongest; });
  const std::int64_t layers = load_model(folder.path())->spec.encoder.num_hidden_layers;
  for (const std::int64_t kept : {std::int64_t{0}, layers - 1}) {
    const auto runner =
        make_runner(load_model(folder.path()).value(), {.precision = Precision::kInt8, .fp32_layers = {kept}});
    ASSERT_TRUE(runner.has_value()) << runner.error().to_string();
    const auto logits = batched_logits(**runner, sequences);
    EXPECT_LE(testing::relative_difference(logits, sequences), tolerance(Precision::kInt8))
        << golden->name << ", layer " << kept << " in f32";
  }
}

std::vector<std::filesystem::path> small_goldens() {
  auto files = testing::model_golden_files();
  std::erase_if(files, [](const auto& file) {
    const std::string name = file.stem().string();
    return name.find("_tiny") == std::string::npos || name.ends_with("_long");  // emulated tiles take hours over those
  });
  return files;
}

INSTANTIATE_TEST_SUITE_P(Golden, Architectures, ::testing::ValuesIn(small_goldens()),
                         [](const auto& each) { return each.param.stem().string(); });

}  // namespace
}  // namespace valence

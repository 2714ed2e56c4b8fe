#include "valence/train/training_options.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace valence::train {
namespace {

// Reports show the fingerprint, and people read it.
TEST(TrainingOptions, FingerprintSaysWordsWhereOptionsDo) {
  TrainingOptions options;
  options.method = Method::kHead;
  options.sampling = Sampling::kGroupByLength;
  options.eval_strategy = Strategy::kNo;
  options.save_strategy = Strategy::kSteps;
  std::map<std::string, std::string> said;
  for (const auto& [setting, value] : fingerprint(options)) said[setting] = value;
  EXPECT_EQ(said["method"], "head");
  EXPECT_EQ(said["train_sampling_strategy"], "group_by_length");
  EXPECT_EQ(said["eval_strategy"], "no");
  EXPECT_EQ(said["save_strategy"], "steps");
  EXPECT_EQ(said["lr_scheduler_type"], "linear");
}

}  // namespace
}  // namespace valence::train

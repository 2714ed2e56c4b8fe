// The random weights made here are those that transformers was given when the goldens were recorded.
#include "support/random_checkpoint.h"

#include <gtest/gtest.h>

#include "support/model_goldens.h"

namespace valence::testing {
namespace {

TEST(RandomCheckpoint, TensorsAreBitEqualToThoseOfTheRecordedReference) {
  ASSERT_FALSE(model_golden_files().empty());
  for (const auto& file : model_golden_files()) {
    const auto golden = load_model_golden(file);
    ASSERT_TRUE(golden) << golden.error().to_string();
    for (std::size_t i = 0; i < golden->checkpoint.tensors.size(); ++i) {
      const auto& tensor = golden->checkpoint.tensors[i];
      EXPECT_EQ(hash_of(values_of(tensor, golden->checkpoint)), golden->hashes[i])
          << golden->name << " " << tensor.name;
    }
  }
}

}  // namespace
}  // namespace valence::testing

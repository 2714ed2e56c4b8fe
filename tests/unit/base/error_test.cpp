#include "valence/base/error.h"

#include <gtest/gtest.h>

namespace valence {
namespace {

TEST(Error, ReadsAsPlaceReasonAndRemedy) {
  const Error error(ErrorCode::kInvalidData, "reviews.csv:1042", "column \"text\" has invalid UTF-8",
                    "use --on-error skip");
  EXPECT_EQ(error.to_string(), "reviews.csv:1042: column \"text\" has invalid UTF-8. Hint: use --on-error skip.");
}

TEST(Error, SeenFromFurtherOutItKeepsItsInnerPlace) {
  const Error inner(ErrorCode::kInvalidData, "byte 8", "bad offset");
  EXPECT_EQ(inner.in("model.safetensors").to_string(), "model.safetensors: byte 8: bad offset.");
  EXPECT_EQ(Error(ErrorCode::kIo, "", "bad").in("file").to_string(), "file: bad.");
}

Result<int> half_of(int value) {
  if (value % 2 != 0) return fail(ErrorCode::kInvalidArgument, "", "odd");
  return value / 2;
}

Result<int> quarter_of(int value) {
  VALENCE_TRY(const int half, half_of(value));
  return half_of(half);
}

TEST(Error, TryPassesTheErrorOnAndTheValueThrough) {
  EXPECT_EQ(quarter_of(12).value(), 3);
  EXPECT_EQ(quarter_of(3).error().what(), "odd");
}

}  // namespace
}  // namespace valence

#include "valence/train/schedule.h"

#include <gtest/gtest.h>

namespace valence::train {
namespace {

// transformers' get_linear_schedule_with_warmup and get_cosine_schedule_with_warmup, worked out by hand.
TEST(Schedule, LinearRisesThenFallsToZero) {
  const Schedule schedule{ScheduleKind::kLinear, 1.0, 4, 12};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.25);
  EXPECT_DOUBLE_EQ(schedule.at(4), 1.0);
  EXPECT_DOUBLE_EQ(schedule.at(8), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(12), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(99), 0.0);
}

TEST(Schedule, CosineIsHalfWayAtHalfTime) {
  const Schedule schedule{ScheduleKind::kCosine, 2.0, 0, 10};
  EXPECT_DOUBLE_EQ(schedule.at(0), 2.0);
  EXPECT_NEAR(schedule.at(5), 1.0, 1e-12);
  EXPECT_NEAR(schedule.at(10), 0.0, 1e-12);
}

TEST(Schedule, ConstantKnowsNoWarmupUnlessItsNameSaysSo) {
  EXPECT_DOUBLE_EQ((Schedule{ScheduleKind::kConstant, 3.0, 5, 10}.at(0)), 3.0);
  EXPECT_DOUBLE_EQ((Schedule{ScheduleKind::kConstantWithWarmup, 3.0, 5, 10}.at(0)), 0.0);
  EXPECT_DOUBLE_EQ((Schedule{ScheduleKind::kConstantWithWarmup, 3.0, 5, 10}.at(9)), 3.0);
}

TEST(Schedule, NamesAreThoseOfTrainingArguments) {
  for (const ScheduleKind kind :
       {ScheduleKind::kLinear, ScheduleKind::kCosine, ScheduleKind::kConstant, ScheduleKind::kConstantWithWarmup}) {
    EXPECT_EQ(schedule_named(name(kind)), kind);
  }
  EXPECT_EQ(schedule_named("step"), std::nullopt);
}

}  // namespace
}  // namespace valence::train

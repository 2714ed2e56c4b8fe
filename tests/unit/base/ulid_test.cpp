#include "valence/base/ulid.h"

#include <gtest/gtest.h>

#include <set>

namespace valence {
namespace {

TEST(Ulid, TimeStandsInTheFirstTenDigits) {
  // The example of the specification: 01ARZ3NDEK is 1469922850259 (2016-07-30T23:54:10.259Z).
  const ManualClock clock(1469922850259);
  UlidSource ids(clock, 7);
  EXPECT_EQ(ids.next().substr(0, 10), "01ARZ3NDEK");
  EXPECT_EQ(ulid_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1469922850259);
}

TEST(Ulid, EachIsGreaterThanTheOneBeforeWhateverTheClockDoes) {
  ManualClock clock(1'000'000);
  UlidSource ids(clock, 7);
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 3'000) clock.set_unix_ms(999'000);
    if (i == 6'000) clock.set_unix_ms(1'000'001);
    const std::string id = ids.next();
    ASSERT_GT(id, last);
    last = id;
  }
}

TEST(Ulid, ASeedGivesTheSameOnesAndAnotherSeedOthers) {
  const ManualClock clock(5);
  EXPECT_EQ(UlidSource(clock, 1).next(), UlidSource(clock, 1).next());
  EXPECT_NE(UlidSource(clock, 1).next(), UlidSource(clock, 2).next());
  EXPECT_NE(UlidSource(clock).next(), UlidSource(clock).next());
}

TEST(Ulid, WhatIsNoneHasNoTime) {
  for (const char* text : {"", "01ARZ3NDEKTSV4RRFFQ69G5FA", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAU",
                           "01arz3ndektsv4rrffq69g5fav", "01ARZ3NDEKTSV4RRFFQ69G5FAVV"}) {
    EXPECT_EQ(ulid_time_ms(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace valence

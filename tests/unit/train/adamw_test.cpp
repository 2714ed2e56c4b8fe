#include "valence/train/adamw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "valence/kernels/dispatch.h"

namespace valence::train {
namespace {

constexpr std::int64_t kRows = 40;
constexpr std::int64_t kWidth = 8;

/// A table, the same numbers each time, updated by rows or whole.
ParameterSet table(bool by_row) {
  ParameterSet set;
  set.reserve(ParameterSet::room_for(kRows * kWidth));
  set.add("table.weight", {kRows, kWidth}, [](std::span<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 13) * 0.1F - 0.5F;
  });
  set.set_learning([&](Parameter& parameter) {
    parameter.by_row = by_row;
    return true;
  });
  return set;
}

/// Steps that touch two rows each, some of them rarely.
std::vector<std::int32_t> rows_of_step(std::int64_t step) {
  std::mt19937 random(static_cast<std::uint32_t>(step));
  std::vector<std::int32_t> rows = {static_cast<std::int32_t>(random() % 8),
                                    static_cast<std::int32_t>(8 + random() % 24)};
  return rows;
}

void add_gradients(ParameterSet& set, const std::vector<std::int32_t>& rows, std::int64_t step) {
  const std::span<float> gradients = set.gradients_of(set.parameters()[0]);
  for (const std::int32_t row : rows) {
    for (std::int64_t c = 0; c < kWidth; ++c) {
      gradients[static_cast<std::size_t>(row * kWidth + c)] +=
          static_cast<float>((step * 7 + row * 3 + c) % 11) * 0.02F - 0.1F;
    }
  }
}

TEST(AdamW, RowsThatWereLeftAloneAreWhatTheyWouldHaveBeen) {
  constexpr std::int64_t kSteps = 60;
  const Schedule schedule{ScheduleKind::kLinear, 0.01, 5, kSteps};
  const AdamWOptions options{.weight_decay = 0.1, .max_grad_norm = 0.2};
  ThreadPool pool(2);
  SpinTeam team(pool);
  const auto rate = [](const Parameter&) { return 1.0; };
  ParameterSet whole = table(false);
  ParameterSet lazy = table(true);
  AdamW of_whole(whole, options, schedule, rate, **kernels::selected_kernels(), team);
  AdamW of_lazy(lazy, options, schedule, rate, **kernels::selected_kernels(), team);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const auto rows = rows_of_step(step);
    of_lazy.prepare(rows);
    // What a forward pass would look up is already right.
    for (const std::int32_t row : rows) {
      for (std::int64_t c = 0; c < kWidth; ++c) {
        const auto at = static_cast<std::size_t>(row * kWidth + c);
        ASSERT_NEAR(lazy.values_of(lazy.parameters()[0])[at], whole.values_of(whole.parameters()[0])[at], 2e-6) << step;
      }
    }
    add_gradients(whole, rows, step);
    add_gradients(lazy, rows, step);
    EXPECT_NEAR(of_whole.step(rows), of_lazy.step(rows), 1e-6);
  }
  of_lazy.finish();
  for (std::size_t i = 0; i < static_cast<std::size_t>(kRows * kWidth); ++i) {
    EXPECT_NEAR(lazy.values_of(lazy.parameters()[0])[i], whole.values_of(whole.parameters()[0])[i], 2e-6) << i;
  }
}

TEST(AdamW, GradientsThatAreNoNumberChangeNothing) {
  ThreadPool pool(1);
  SpinTeam team(pool);
  ParameterSet set = table(false);
  const std::vector<float> before(set.values_of(set.parameters()[0]).begin(), set.values_of(set.parameters()[0]).end());
  AdamW optimizer(
      set, {}, {ScheduleKind::kConstant, 0.1, 0, 10}, [](const Parameter&) { return 1.0; },
      **kernels::selected_kernels(), team);
  set.gradients_of(set.parameters()[0])[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(optimizer.step({})));
  EXPECT_TRUE(std::equal(before.begin(), before.end(), set.values_of(set.parameters()[0]).begin()));
  EXPECT_EQ(set.gradients_of(set.parameters()[0])[3], 0.0F);
  EXPECT_EQ(optimizer.steps(), 0);
}

}  // namespace
}  // namespace valence::train

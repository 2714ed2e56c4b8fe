/// \file
/// The learning rate of each optimizer step.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace valence::train {

/// lr_scheduler_type of transformers' TrainingArguments.
enum class ScheduleKind : std::uint8_t { kLinear, kCosine, kConstant, kConstantWithWarmup };

[[nodiscard]] std::string_view name(ScheduleKind kind);
/// Nothing for a name that is none.
[[nodiscard]] std::optional<ScheduleKind> schedule_named(std::string_view name);

/// Source: transformers, optimization.py, get_linear_schedule_with_warmup and its kind.
struct Schedule {
  ScheduleKind kind = ScheduleKind::kLinear;
  double learning_rate = 5e-5;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 1;

  /// Of step `step`, counted from 0.
  [[nodiscard]] double at(std::int64_t step) const;
};

}  // namespace valence::train

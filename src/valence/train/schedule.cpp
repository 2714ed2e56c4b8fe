#include "valence/train/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace valence::train {
namespace {

constexpr std::array<std::pair<ScheduleKind, std::string_view>, 4> kNames = {{
    {ScheduleKind::kLinear, "linear"},
    {ScheduleKind::kCosine, "cosine"},
    {ScheduleKind::kConstant, "constant"},
    {ScheduleKind::kConstantWithWarmup, "constant_with_warmup"},
}};

}  // namespace

std::string_view name(ScheduleKind kind) { return kNames[static_cast<std::size_t>(kind)].second; }

std::optional<ScheduleKind> schedule_named(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

double Schedule::at(std::int64_t step) const {
  if (kind == ScheduleKind::kConstant) return learning_rate;
  if (step < warmup_steps) {
    return learning_rate * static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup_steps));
  }
  if (kind == ScheduleKind::kConstantWithWarmup) return learning_rate;
  const auto after_warmup = static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup_steps));
  const double progress = static_cast<double>(step - warmup_steps) / after_warmup;
  if (kind == ScheduleKind::kLinear) return learning_rate * std::max(0.0, 1.0 - progress);
  return learning_rate * std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace valence::train

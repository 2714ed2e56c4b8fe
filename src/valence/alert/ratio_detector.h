/// \file
/// More than a fixed share of a window: RuleKind::kRatio.
#pragma once

#include <optional>

#include "valence/alert/detector.h"

namespace valence::alert {

class RatioDetector final : public Detector {
 public:
  RatioDetector(const Rule& rule, std::int64_t begin_ms);

  void observe(std::int64_t now_ms, bool hit) override;
  void advance(std::int64_t now_ms) override;
  void set_firing(bool firing) override { firing_ = firing; }
  [[nodiscard]] Reading reading() const override;

 private:
  Share limit_;
  Share clear_limit_;
  std::uint64_t min_texts_;
  std::int64_t ready_at_ms_;
  std::int64_t now_ms_;
  std::optional<CountWindow> by_count_;
  std::optional<TimeWindow> by_time_;
  bool firing_ = false;
};

}  // namespace valence::alert

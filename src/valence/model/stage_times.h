/// \file
/// Where the time of a forward pass goes, for those who ask.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace valence {

/// What a backend tells apart; the rest of its time is norms, conversions between layouts and the head.
enum class Stage { kEmbed, kGemm, kAttention };

/// Seconds by stage, summed over passes by whoever owns it. One thread at a time.
struct StageTimes {
  std::array<double, 3> seconds{};

  [[nodiscard]] double of(Stage stage) const { return seconds[static_cast<std::size_t>(stage)]; }
};

/// Adds the time of its scope to one stage; without StageTimes (the usual case) it only compares a pointer. Two clock
/// readings, about 50 ns: put it around work of microseconds.
class StageTimer {
 public:
  StageTimer(StageTimes* times, Stage stage) : times_(times), stage_(stage) {
    if (times_ != nullptr) start_ = Clock::now();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;
  ~StageTimer() {
    if (times_ == nullptr) return;
    times_->seconds[static_cast<std::size_t>(stage_)] += std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  StageTimes* times_;
  Stage stage_;
  Clock::time_point start_;
};

}  // namespace valence

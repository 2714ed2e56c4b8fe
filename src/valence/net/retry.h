/// \file
/// When to ask again, and when to give up. Decides only; who waits is the caller.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace valence::net {

/// Statuses that pass: 408, 429, 500, 502, 503, 504. Source: huggingface_hub, utils/_http.py.
[[nodiscard]] bool is_passing_status(int status);

/// Retry-After as a number of seconds; nothing for a date, as in huggingface_hub.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view value);

/// Waits of 1, 2, 4, 8, 8, ... seconds, or what the server asks for, until `patience` has gone by without progress.
class RetrySchedule {
 public:
  using Clock = std::chrono::steady_clock;
  RetrySchedule(std::chrono::seconds patience, Clock::time_point now)
      : patience_(patience), deadline_(now + patience) {}

  /// Something arrived: patience starts anew, and the next wait is short again.
  void progress(Clock::time_point now);
  /// How long to wait before the next attempt; nothing when that would be after the deadline.
  std::optional<std::chrono::seconds> next_wait(Clock::time_point now, std::optional<std::chrono::seconds> asked);

 private:
  std::chrono::seconds patience_;
  Clock::time_point deadline_;
  std::chrono::seconds wait_{1};
};

}  // namespace valence::net

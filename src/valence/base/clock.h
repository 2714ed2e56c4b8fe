/// \file
/// The two times a program needs, behind one interface so that tests set them by hand.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace valence {

/// Thread-safe.
class Clock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// For durations and deadlines: never jumps.
  [[nodiscard]] virtual TimePoint now() const = 0;
  /// For people and records: milliseconds since 1970, UTC. May jump.
  [[nodiscard]] virtual std::int64_t unix_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] std::int64_t unix_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

/// Stands still until it is moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t unix_ms = 0) : unix_ms_(unix_ms) {}
  [[nodiscard]] TimePoint now() const override { return TimePoint(std::chrono::milliseconds(elapsed_ms_.load())); }
  [[nodiscard]] std::int64_t unix_ms() const override { return unix_ms_.load(); }
  void advance(std::chrono::milliseconds step) {
    elapsed_ms_ += step.count();
    unix_ms_ += step.count();
  }
  /// Moves the calendar only, as an operator or a time server does.
  void set_unix_ms(std::int64_t unix_ms) { unix_ms_ = unix_ms; }

 private:
  std::atomic<std::int64_t> elapsed_ms_ = 0;
  std::atomic<std::int64_t> unix_ms_;
};

}  // namespace valence

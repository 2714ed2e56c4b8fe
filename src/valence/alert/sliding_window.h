/// \file
/// How many of the last texts were hits: by count, and by time. Pure: times are given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace valence::alert {

struct WindowCounts {
  std::uint64_t count = 0;
  std::uint64_t hits = 0;
};

/// The last `capacity` texts, exactly, and those before them. A bit a text; not thread-safe.
class CountWindow {
 public:
  explicit CountWindow(std::size_t capacity) : bits_(2 * capacity), capacity_(capacity) {}

  void add(bool hit);
  [[nodiscard]] WindowCounts recent() const { return recent_; }
  [[nodiscard]] WindowCounts before() const { return before_; }
  [[nodiscard]] bool is_full() const { return recent_.count == capacity_; }

 private:
  std::vector<bool> bits_;  // a ring of the last 2 * capacity
  std::size_t capacity_;
  std::size_t next_ = 0;
  WindowCounts recent_;
  WindowCounts before_;
};

/// The texts of the last `span_ms`, and of the time before them, resolved to a thousandth of it, so that memory does
/// not grow with the traffic: a text leaves the window up to span_ms / 1000 late, never early. Times may not go back;
/// one that does counts as the latest.
class TimeWindow {
 public:
  explicit TimeWindow(std::int64_t span_ms);

  void add(std::int64_t now_ms, bool hit);
  /// Forgets what is too old by now.
  void advance(std::int64_t now_ms);
  [[nodiscard]] WindowCounts recent() const { return recent_; }
  [[nodiscard]] WindowCounts before() const { return before_; }

 private:
  struct Slot {
    std::int64_t begin_ms;
    WindowCounts counts;
  };
  std::int64_t span_ms_;
  std::int64_t slot_ms_;
  std::int64_t latest_ms_;
  std::deque<Slot> slots_;
  std::deque<Slot> old_slots_;
  WindowCounts recent_;
  WindowCounts before_;
};

}  // namespace valence::alert

#include "valence/alert/sliding_window.h"

#include <algorithm>
#include <limits>

namespace valence::alert {
namespace {

constexpr std::int64_t kSlots = 1000;

void add_to(WindowCounts& counts, const WindowCounts& more) {
  counts.count += more.count;
  counts.hits += more.hits;
}

void take_from(WindowCounts& counts, const WindowCounts& less) {
  counts.count -= less.count;
  counts.hits -= less.hits;
}

}  // namespace

void CountWindow::add(bool hit) {
  if (recent_.count == capacity_) {
    const WindowCounts leaves{1, bits_[(next_ + capacity_) % bits_.size()] ? 1U : 0U};
    take_from(recent_, leaves);
    if (before_.count == capacity_) take_from(before_, {1, bits_[next_] ? 1U : 0U});
    add_to(before_, leaves);
  }
  bits_[next_] = hit;
  next_ = (next_ + 1) % bits_.size();
  add_to(recent_, {1, hit ? 1U : 0U});
}

TimeWindow::TimeWindow(std::int64_t span_ms)
    : span_ms_(span_ms),
      slot_ms_(std::max<std::int64_t>(1, span_ms / kSlots)),
      latest_ms_(std::numeric_limits<std::int64_t>::min()) {}

void TimeWindow::add(std::int64_t now_ms, bool hit) {
  advance(now_ms);
  const std::int64_t begin_ms = latest_ms_ - ((latest_ms_ % slot_ms_) + slot_ms_) % slot_ms_;
  if (slots_.empty() || slots_.back().begin_ms != begin_ms) slots_.push_back({begin_ms, {}});
  const WindowCounts one{1, hit ? 1U : 0U};
  add_to(slots_.back().counts, one);
  add_to(recent_, one);
}

void TimeWindow::advance(std::int64_t now_ms) {
  latest_ms_ = std::max(latest_ms_, now_ms);
  // A slot leaves when the last moment in it is too old.
  const auto is_older = [&](const Slot& slot, std::int64_t age_ms) {
    return slot.begin_ms + slot_ms_ - 1 <= latest_ms_ - age_ms;
  };
  while (!slots_.empty() && is_older(slots_.front(), span_ms_)) {
    take_from(recent_, slots_.front().counts);
    add_to(before_, slots_.front().counts);
    old_slots_.push_back(slots_.front());
    slots_.pop_front();
  }
  while (!old_slots_.empty() && is_older(old_slots_.front(), 2 * span_ms_)) {
    take_from(before_, old_slots_.front().counts);
    old_slots_.pop_front();
  }
}

}  // namespace valence::alert

#include "valence/server/activity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace valence::server {

Activity::Activity(const Clock& clock) : clock_(clock), slots_(std::make_unique<std::array<Slot, kSlots>>()) {}

std::int64_t Activity::now_s() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
}

Status Activity::write(std::span<const pipeline::ClassifiedRecord> records) {
  const std::int64_t now = now_s();
  const std::lock_guard lock(mutex_);
  total_ += records.size();
  Second& second = seconds_[static_cast<std::size_t>(now) % seconds_.size()];
  if (second.number != now) second = {.number = now};
  second.texts += records.size();
  return {};
}

void Activity::add_request(double seconds) {
  const double microseconds = std::max(1.0, seconds * 1e6);
  const auto place = static_cast<std::size_t>(std::min(kPlaces - 1.0, std::floor(std::log2(microseconds) * kSteps)));
  const std::int64_t number = now_s() / kSlotSeconds;
  const std::lock_guard lock(mutex_);
  Slot& slot = (*slots_)[static_cast<std::size_t>(number) % kSlots];
  if (slot.number != number) {
    slot.number = number;
    slot.counts.fill(0);
  }
  ++slot.counts[place];
}

Activity::Texts Activity::texts() const {
  const std::int64_t now = now_s();
  const std::lock_guard lock(mutex_);
  std::uint64_t lately = 0;
  for (const Second& second : seconds_) {
    if (second.number >= now - kRateSeconds && second.number < now) lately += second.texts;
  }
  return {total_, static_cast<double>(lately) / kRateSeconds};
}

std::optional<Activity::Latency> Activity::latency() const {
  const std::int64_t number = now_s() / kSlotSeconds;
  std::array<std::uint64_t, kPlaces> counts{};
  {
    const std::lock_guard lock(mutex_);
    for (const Slot& slot : *slots_) {
      if (slot.number <= number - kSlots || slot.number > number) continue;
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += slot.counts[i];
    }
  }
  Latency latency;
  for (const std::uint64_t count : counts) latency.requests += count;
  if (latency.requests == 0) return std::nullopt;
  const auto quantile_ms = [&](double share) {
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(latency.requests)));
    std::uint64_t below = 0;
    std::size_t place = 0;
    while (place + 1 < counts.size() && (below += counts[place]) < rank) ++place;
    return std::exp2((static_cast<double>(place) + 0.5) / kSteps) / 1000;  // the geometric middle of the step
  };
  latency.p50_ms = quantile_ms(0.5);
  latency.p90_ms = quantile_ms(0.9);
  latency.p99_ms = quantile_ms(0.99);
  return latency;
}

}  // namespace valence::server

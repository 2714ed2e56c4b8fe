#include "valence/alert/ratio_detector.h"

#include <algorithm>

namespace valence::alert {

RatioDetector::RatioDetector(const Rule& rule, std::int64_t begin_ms)
    : limit_(rule.limit),
      clear_limit_(rule.clear_limit.value_or(rule.limit)),
      min_texts_(rule.min_texts),
      ready_at_ms_(begin_ms + rule.window_ms),
      now_ms_(begin_ms) {
  if (rule.window_texts > 0) {
    by_count_.emplace(rule.window_texts);
    if (min_texts_ == 0) min_texts_ = rule.window_texts;
  } else {
    by_time_.emplace(rule.window_ms);
    min_texts_ = std::max<std::uint64_t>(1, min_texts_);
  }
}

void RatioDetector::observe(std::int64_t now_ms, bool hit) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (by_count_) {
    by_count_->add(hit);
  } else {
    by_time_->add(now_ms, hit);
  }
}

void RatioDetector::advance(std::int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (by_time_) by_time_->advance(now_ms);
}

Reading RatioDetector::reading() const {
  Reading reading;
  reading.window = by_count_ ? by_count_->recent() : by_time_->recent();
  reading.before = by_count_ ? by_count_->before() : by_time_->before();
  const Share& limit = firing_ ? clear_limit_ : limit_;
  const auto [count, hits] = reading.window;
  const bool enough = count >= min_texts_;
  // A window of time that has run once and holds too few texts is no reason for an alarm. One that has not may have
  // been full before a restart.
  reading.is_ready = enough || (by_time_ && now_ms_ >= ready_at_ms_);
  reading.is_above = (enough || !reading.is_ready) && exceeds(hits, count, limit);
  reading.statistic = count == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(count);
  reading.threshold = limit.value();
  return reading;
}

}  // namespace valence::alert

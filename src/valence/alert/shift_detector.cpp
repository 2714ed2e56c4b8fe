#include "valence/alert/shift_detector.h"

#include <algorithm>

#include "valence/alert/ratio_detector.h"

namespace valence::alert {

void ShiftDetector::Chart::add(bool counted, bool hit) {
  sum += counted ? design.up_step : -design.down_step;
  if (sum <= 0) {
    sum = 0;
    since_zero = {};
    return;
  }
  ++since_zero.count;
  since_zero.hits += hit ? 1 : 0;
}

ShiftDetector::ShiftDetector(const Rule& rule, std::optional<Learned> learned)
    : kind_(rule.kind),
      first_learn_texts_(rule.learn_texts),
      false_alarm_texts_(static_cast<double>(rule.false_alarm_texts)),
      next_design_texts_(rule.learn_texts) {
  if (rule.usual) given_ = rule.usual->value();
  // A change that was settled before a restart has replaced what was given.
  if (learned && (!given_ || (kind_ == RuleKind::kChange && learned->texts > 0))) {
    learned_ = *learned;
    given_.reset();
  }
  const std::uint64_t enough =
      kind_ == RuleKind::kChange ? std::min(first_learn_texts_, kSettleTexts) : first_learn_texts_;
  if (is_given() || learned_.texts >= enough) design_charts();
}

void ShiftDetector::design_charts() {
  designed_from_ = learned_;
  UsualShare usual{.value = given_.value_or(0), .learned_texts = 0};
  if (!is_given()) {
    // Of no hits at all nothing follows but that they are rare: half a hit, as Jeffreys's prior has it.
    usual.value = (static_cast<double>(learned_.hits) + 0.5) / (static_cast<double>(learned_.texts) + 1);
    usual.learned_texts = learned_.texts;
    next_design_texts_ = 2 * learned_.texts;
  }
  // Two charts alarm independently, nearly: each may do so half as often.
  const double texts = kind_ == RuleKind::kChange ? 2 * false_alarm_texts_ : false_alarm_texts_;
  up_ = {.design = design_cusum(usual, texts), .sum = 0, .since_zero = {}};
  if (kind_ == RuleKind::kChange) {
    down_ = {.design = design_cusum({1 - usual.value, usual.learned_texts}, texts), .sum = 0, .since_zero = {}};
  }
  ready_ = true;
}

void ShiftDetector::learn(bool hit) {
  if (is_given() || learned_.texts >= kEnoughLearnedTexts) return;
  ++learned_.texts;
  learned_.hits += hit ? 1 : 0;
  // Only from a quiet chart: a sum on its way up would be lost.
  if (learned_.texts >= std::min(next_design_texts_, kEnoughLearnedTexts) && up_.sum == 0 && down_.sum == 0)
    design_charts();
}

void ShiftDetector::observe(std::int64_t, bool hit) {
  if (over_ || firing_) {
    observe_alarm(hit);
    return;
  }
  if (ready_) {
    up_.add(hit, hit);
    if (kind_ == RuleKind::kChange) down_.add(!hit, hit);
  }
  // Also of the texts that lead to an alarm: each false one is rich in hits, and a share that leaves them out sinks
  // below the true one, which brings the next alarm sooner. A true alarm adds only the few texts that it took.
  learn(hit);
  if (up_.is_over()) return begin_alarm(true);
  if (down_.is_over()) return begin_alarm(false);
}

void ShiftDetector::begin_alarm(bool rising) {
  over_ = true;
  rising_ = rising;
  since_change_ = (rising ? up_ : down_).since_zero;
  resolve_sum_ = 0;
}

void ShiftDetector::observe_alarm(bool hit) {
  ++since_change_.count;
  since_change_.hits += hit ? 1 : 0;
  if (!over_) return;
  const CusumDesign& design = (rising_ ? up_ : down_).design;
  const bool counted = hit == rising_;
  resolve_sum_ = std::max(0, resolve_sum_ - (counted ? design.up_step : -design.down_step));
  bool ended = resolve_sum_ >= design.resolve_limit;
  if (!ended && kind_ == RuleKind::kChange && since_change_.count >= kSettleTexts) {
    given_.reset();
    learned_ = {.texts = since_change_.count, .hits = since_change_.hits};
    design_charts();
    ended = true;
  }
  if (!ended) return;
  over_ = false;
  up_.sum = down_.sum = 0;
  up_.since_zero = down_.since_zero = {};
}

void ShiftDetector::restore_alarm(bool rising) {
  // A rule that was changed meanwhile may have to learn first: there is nothing to compare with.
  if (!ready_) return;
  begin_alarm(rising || kind_ != RuleKind::kChange);
  since_change_ = {};
  firing_ = true;
}

Reading ShiftDetector::reading() const {
  Reading reading;
  reading.is_ready = ready_;
  reading.is_above = over_;
  reading.is_rising = rising_;
  const Chart& chart = over_ || firing_ ? (rising_ ? up_ : down_) : (down_.sum > up_.sum ? down_ : up_);
  reading.window = over_ || firing_ ? since_change_ : chart.since_zero;
  reading.statistic = chart.sum;
  reading.threshold = chart.design.limit;
  if (is_given()) {
    reading.usual = given_;
  } else if (ready_ && designed_from_.texts > 0) {
    reading.usual = static_cast<double>(designed_from_.hits) / static_cast<double>(designed_from_.texts);
    reading.learned_texts = designed_from_.texts;
  } else {
    reading.learned_texts = learned_.texts;
    reading.window = {.count = learned_.texts, .hits = learned_.hits};
  }
  return reading;
}

std::optional<Learned> ShiftDetector::learned() const { return is_given() ? std::nullopt : std::optional(learned_); }

std::unique_ptr<Detector> make_detector(const Rule& rule, std::int64_t begin_ms, std::optional<Learned> learned) {
  switch (rule.kind) {
    case RuleKind::kRatio:
      return std::make_unique<RatioDetector>(rule, begin_ms);
    case RuleKind::kBaseline:
    case RuleKind::kChange:
      return std::make_unique<ShiftDetector>(rule, learned);
  }
  return nullptr;
}

}  // namespace valence::alert
